import type { WaitMs } from '../contract/wait.ts';

type Waiting = { readonly status: string; readonly resumeAt?: string | null; readonly at?: string };

/** The activity, whose steps also say how long a wait is: workflows go by Temporal's clock, and times here by another. */
export function tellingWaits<Input, Step extends { readonly status: string }>(
  clock: () => Date,
  activity: (input: Input) => Promise<Step>,
): (input: Input) => Promise<Step & { readonly waitMs?: WaitMs }> {
  return async (input) => {
    const step: Step & Waiting = await activity(input);
    const until = step.resumeAt ?? step.at;
    if (until === undefined) return step;
    return { ...step, waitMs: Math.max(0, Date.parse(until) - clock().getTime()) };
  };
}
