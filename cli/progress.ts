/** What is under way, for a person who waits: one line on the terminal that goes before anything else is written. */
import type { Writable } from 'node:stream';

export type Progress = {
  /** Says `what` while the work takes longer than a second; `say` tells how far it is. Work within work is said instead. */
  readonly during: <Result>(what: string, work: (say: (what: string) => void) => Promise<Result>) => Promise<Result>;
  /** Takes the line away, for something else to be written in its place. */
  readonly clear: () => void;
};

const PATIENCE_MS = 1_000;
const DRAW_MS = 250;
const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = '\r\u001b[2K';

/** Draws on `terminal`; without one, nothing is ever written. */
export function createProgress(terminal: Writable | undefined): Progress {
  if (terminal === undefined) return { during: (_what, work) => work(() => undefined), clear: () => undefined };
  const underWay: { what: string }[] = [];
  let begunAt = 0;
  let drawing: NodeJS.Timeout | undefined;
  let isDrawn = false;
  const clear = (): void => {
    if (isDrawn) terminal.write(CLEAR_LINE);
    isDrawn = false;
  };
  const draw = (): void => {
    const ms = performance.now() - begunAt;
    if (ms < PATIENCE_MS) return;
    const text = `${underWay.at(-1)?.what} … ${Math.floor(ms / 1_000)} s`;
    // A line that wraps could not be taken away again.
    terminal.write(CLEAR_LINE + text.slice(0, columnsOf(terminal) - 1));
    isDrawn = true;
  };
  return {
    clear,
    during: async (what, work) => {
      const entry = { what };
      if (underWay.length === 0) begunAt = performance.now();
      underWay.push(entry);
      drawing ??= setInterval(draw, DRAW_MS).unref();
      try {
        return await work((now) => {
          entry.what = now;
        });
      } finally {
        underWay.splice(underWay.indexOf(entry), 1);
        if (underWay.length === 0) {
          clearInterval(drawing);
          drawing = undefined;
          clear();
        }
      }
    },
  };
}

function columnsOf(terminal: Writable): number {
  const columns = 'columns' in terminal ? Number(terminal.columns) : 0;
  // A terminal that nobody looks at says 0.
  return columns > 0 ? columns : DEFAULT_COLUMNS;
}
