import type { Wait } from '../contract/sync.ts';
import type { Dependencies } from './dependencies.ts';

/** A wait that the workflow is told of. */
export function waitUntil(
  { clock }: Pick<Dependencies, 'clock'>,
  { resumeAt, reason }: { readonly resumeAt: Date; readonly reason: string },
): Required<Wait> {
  return { resumeAt: resumeAt.toISOString(), waitMs: Math.max(0, resumeAt.getTime() - clock().getTime()), reason };
}
