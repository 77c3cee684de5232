/**
 * The clock of another process of this machine. What it says is sent with the moment at which it was said, by the
 * machine's monotonic clock, which all its processes share and nobody sets: a message that waits for its reader to start
 * then tells the right time still.
 */
export type ToldTime = {
  /** ISO time. */
  readonly at: string;
  /** When that was so, ms of the machine's monotonic clock. */
  readonly saidAtMs: number;
};

/** What `clock` says now, to be sent. */
export function tellTime(clock: () => Date): ToldTime {
  return { at: clock().toISOString(), saidAtMs: monotonicMs() };
}

/** Goes on from what it has heard last. */
export function createToldClock(monotonic: () => number = monotonicMs): {
  readonly hear: (time: ToldTime) => void;
  readonly now: () => Date;
} {
  let offsetMs = 0;
  return {
    hear: ({ at, saidAtMs }) => {
      offsetMs = Date.parse(at) - saidAtMs;
    },
    now: () => new Date(offsetMs + monotonic()),
  };
}

/** Unlike `performance.now()`, which begins with its process. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
