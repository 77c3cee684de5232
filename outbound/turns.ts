import type { Pause } from './retry.ts';

/** What a streamed call asks before each of its attempts, where calls share an API's limits with others. */
export type Turns = {
  /** Makes an attempt once the API wants to hear of its connection; everybody learns of the limit that it met. */
  readonly take: <T extends { readonly limit?: Pause | undefined }>(make: () => Promise<T>) => Promise<T>;
  /** Lets the call wait for a limit until then, its place in line kept. */
  readonly hold: (due: Date, wait: () => Promise<void>) => Promise<void>;
};

/** Of a call that nobody else has to wait for. */
export const NO_TURNS: Turns = { take: (make) => make(), hold: (_due, wait) => wait() };
