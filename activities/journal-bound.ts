import { EngineError } from '../contract/failures.ts';
import type { Attempt } from '../store/runs.ts';
import type { JournalLimits } from './dependencies.ts';

const MB = 1024 * 1024;

/** Limits for journals that may take that many bytes; the others keep their distance to it. */
export function boundedJournal(limits: Omit<JournalLimits, 'mostBytes'>, mostBytes: number): JournalLimits {
  return {
    mostBytes,
    bodyBytes: limits.bodyBytes,
    // Otherwise checkpoints would not keep a run below a small bound, which its failure advises.
    softBytes: Math.min(limits.softBytes, mostBytes / 4),
    hardBytes: Math.min(limits.hardBytes, mostBytes / 2),
  };
}

/** The failure of a run whose journal would take `bytes` with what it has to remember next. */
export function journalFull(
  { kind, name }: Pick<Attempt, 'kind' | 'name'>,
  bytes: number,
  { mostBytes, softBytes }: JournalLimits,
): EngineError {
  return new EngineError(
    'script_limit_exceeded',
    `${kind === 'action' ? 'Action' : 'Sync'} '${name}' was stopped: what it keeps of its calls' answers until it has ended would take ${inMb(bytes)} MB, and at most ${inMb(mostBytes)} MB are expected (NANGO_MAX_JOURNAL_MB). Look for a loop that calls without an end; a script that needs that many calls in one run saves checkpoints: past ${inMb(softBytes)} MB each one lets it forget what was before.`,
  );
}

function inMb(bytes: number): number {
  return Number((bytes / MB).toFixed(3));
}
