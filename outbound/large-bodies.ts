/**
 * What a script fetches lies in the memory of a process that runs those of others as well, and it may make many calls at
 * once. Of those of one run, so many answers at once may be longer than a megabyte; the others are read on in turn, and
 * their APIs wait meanwhile.
 */
export type LargeBodies = {
  /** Resolves when there is a place; whoever entered has to leave. */
  readonly enter: () => Promise<void>;
  readonly leave: () => void;
};

/** Up to here a body needs no place. */
export const SMALL_BYTES = 1024 * 1024;
const AT_ONCE = 4;

export function createLargeBodies(atOnce = AT_ONCE): LargeBodies {
  const waiting: (() => void)[] = [];
  let free = atOnce;
  return {
    enter: () =>
      new Promise((resolve) => {
        if (free === 0) return waiting.push(resolve);
        free -= 1;
        return resolve();
      }),
    leave: () => {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}
