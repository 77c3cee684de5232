import type { WaitMs } from '../contract/wait.ts';

/** How long to wait. Steps of histories of before name only the time `until` which, which Temporal's clock is asked about. */
export function lengthOf(waitMs: WaitMs | undefined, until: string): number {
  return waitMs ?? Math.max(0, Date.parse(until) - Date.now());
}
