import { setTimeout as delay } from 'node:timers/promises';

type Patience = {
  /** Below the time that a test has, so that its failure says what was waited for. @default 80_000 */
  readonly withinMs?: number;
  /** Between two looks. @default 20 */
  readonly everyMs?: number;
};

/**
 * Looks again and again, and resolves with the first answer that is neither false nor nothing. Only for what tells nobody
 * of itself: an event is better awaited.
 * @param what for the failure: "there is no <what> after so long".
 * @throws Error when there is none within the time, and what a look throws.
 */
export async function until<Answer>(
  what: string,
  look: () => Answer | Promise<Answer>,
  { withinMs = 80_000, everyMs = 20 }: Patience = {},
): Promise<Exclude<Answer, false | null | undefined>> {
  for (const deadline = performance.now() + withinMs; ; await delay(everyMs)) {
    const answer = await look();
    if (answer !== false && answer !== null && answer !== undefined)
      return answer as Exclude<Answer, false | null | undefined>;
    if (performance.now() > deadline) throw new Error(`There is no ${what} after ${withinMs} ms`);
  }
}
