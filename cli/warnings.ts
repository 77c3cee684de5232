import { type Mistake, mistakeLine } from '../manifest/manifest.ts';
import type { Output } from './output.ts';

/** Shows what does not stop a project but probably is not meant. */
export function noteWarnings(out: Output, warnings: readonly Mistake[]): void {
  for (const warning of warnings) out.note(out.style('yellow', `warning: ${mistakeLine(warning)}`));
}
