/**
 * How long what a run stores may wait for more of the same. A flush costs this process and Postgres much the same
 * whatever it carries: where many runs are at work each waits longer, so that all together flush about as often as a few.
 */
export type FlushWindow = {
  /** A run is at work here until the returned function is called. */
  readonly enter: () => () => void;
  /** Milliseconds from the first write that waits to its flush. */
  readonly ms: () => number;
};

const SHORTEST_MS = 500;
/** What the death of a worker makes its runs ask for again grows with the window. */
const LONGEST_MS = 3_000;
const MS_PER_RUN = 20;

/** The window of one process. */
export function openFlushWindow(): FlushWindow {
  let runs = 0;
  return {
    enter: () => {
      runs += 1;
      let isIn = true;
      return () => {
        if (isIn) runs -= 1;
        isIn = false;
      };
    },
    ms: () => Math.min(LONGEST_MS, Math.max(SHORTEST_MS, runs * MS_PER_RUN)),
  };
}
