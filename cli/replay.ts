/** Runs a recorded run again: the same sandbox, the recorded answers, nothing sent and nothing stored. */
import { EngineError } from '../contract/failures.ts';
import type { CallContext, Host, HostCallKind } from '../contract/host.ts';
import type { JournalKind } from '../contract/journal.ts';
import type { DebuggerLine, ScriptBundle, ScriptFailure, ScriptOutcome } from '../contract/script.ts';
import { DEFAULT_LIMITS, DEPLOYED_TRAFFIC } from '../sandbox/limits.ts';
import { createSandbox } from '../sandbox/pool.ts';
import { answerText, callText } from './call-text.ts';
import { createDryRecords, type DryModel } from './dry-records.ts';
import type { RecordedRun } from './journal-file.ts';
import { ANSWERED_BY, createReplayJournal } from './replay-journal.ts';

/** One call of the script. `number` is that in the journal, null for calls that are not in it. */
export type ReplayedCall = {
  readonly number: number | null;
  readonly kind: JournalKind;
  readonly call: string;
  readonly answer: string;
};
export type ReplayedLine = { readonly level: string; readonly message: string };

export type ReplayEnd =
  | { readonly kind: 'completed'; readonly output: string | undefined }
  | { readonly kind: 'failed'; readonly failure: ScriptFailure }
  /** The script asked for what the run never got: `before` says what. */
  | { readonly kind: 'journal_ended'; readonly before: string }
  | { readonly kind: 'diverged'; readonly reason: string };

export type ReplayResult = { readonly end: ReplayEnd; readonly models: readonly DryModel[] };

/** @param run `code` is the recorded bundle, or (`isLocal`) another that is to be tried against the recorded answers. */
export async function runReplay(run: {
  readonly recorded: RecordedRun;
  readonly code: ScriptBundle;
  readonly isLocal: boolean;
  readonly onCall: (call: ReplayedCall) => void;
  readonly onLog: (line: ReplayedLine) => void;
  readonly signal: AbortSignal | undefined;
  readonly debugger: DebuggerLine | undefined;
}): Promise<ReplayResult> {
  const { head } = run.recorded;
  const warn = (message: string): void => run.onLog({ level: 'warn', message });
  const records = createDryRecords(head.context.models ?? [], { warn, stored: unknownRecords });
  let missing: string | undefined;

  const apply = async (kind: JournalKind, json: string, body = '[]'): Promise<void> => {
    const args = JSON.parse(json);
    if (kind === 'saveRecords') records.save(args.model, args.ids, body);
    if (kind === 'updateRecords') await records.update(args.model, args.ids, body);
    if (kind === 'deleteRecords') records.remove(args.model, args.ids);
  };
  let applied: Promise<void> = Promise.resolve();
  /** What a call would have done to the store, after those before it. */
  const applyNext = (kind: JournalKind, json: string, body?: string): Promise<void> => {
    if (kind === 'log') run.onLog(JSON.parse(json));
    const next = applied.then(() => apply(kind, json, body));
    applied = next.catch(() => undefined);
    return next;
  };
  const { journal, difference } = createReplayJournal(run.recorded, {
    isLocal: run.isLocal,
    onAnswer: ({ kind, json, body }, entry) => {
      if (entry.bodyHash !== undefined) {
        missing = `${callText(kind, json)}, whose answer was too large to be kept`;
        return;
      }
      // What production took is taken here too.
      if (entry.ok) void applyNext(kind, json, body).catch(() => undefined);
      const { number } = entry;
      if (kind !== 'log') run.onCall({ number, kind, call: callText(kind, json), answer: answerText(kind, entry) });
    },
  });
  const host = hostOf(async (kind, json, { body }) => {
    if (ANSWERED_BY[kind] === 'journal') {
      missing ??= callText(kind, json);
      throw new EngineError('script_aborted', 'The journal has no more answers');
    }
    await applyNext(kind, json, body);
    if (kind !== 'log') run.onCall({ number: null, kind, call: callText(kind, json), answer: '' });
  });
  const sandbox = createSandbox({ maxChildren: 1 });
  try {
    const outcome = await sandbox.run({
      environment: head.context.environmentName,
      bundle: run.code,
      kind: head.run.kind,
      context: head.context,
      input: head.input ?? undefined,
      seed: head.seed,
      // Recorded answers bring their own time, which stands still behind the last of them.
      clock: () => new Date(head.beginsAt),
      beginsAt: new Date(head.beginsAt),
      host,
      limits: { ...DEFAULT_LIMITS, ...DEPLOYED_TRAFFIC, ...head.limits },
      signal: run.signal ?? new AbortController().signal,
      journal,
      ...(run.debugger && { debugger: run.debugger }),
    });
    await applied;
    return { end: endOf(outcome, missing, difference), models: records.result() };
  } finally {
    await sandbox.close();
  }
}

/** What the server had is not in a journal: of an update, what it changes is shown. */
async function unknownRecords(_: string, ids: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
  return new Map(ids.map((id) => [id, {}]));
}

/** A Host whose every method is `answer`; what it answers is null. */
function hostOf(answer: (kind: HostCallKind, json: string, call: CallContext) => Promise<void>): Host {
  const methods = Object.keys(ANSWERED_BY).map((kind) => [
    kind,
    async (args: unknown, call: CallContext) => {
      await answer(kind as HostCallKind, JSON.stringify(args), call);
      return { value: null };
    },
  ]);
  return Object.fromEntries(methods);
}

function endOf(outcome: ScriptOutcome, missing: string | undefined, difference: () => string | undefined): ReplayEnd {
  if (missing !== undefined) return { kind: 'journal_ended', before: missing };
  switch (outcome.status) {
    case 'completed':
      return { kind: 'completed', output: outcome.output };
    case 'failed':
      return { kind: 'failed', failure: outcome.failure };
    case 'suspended':
      return { kind: 'journal_ended', before: outcome.suspension.reason };
    case 'diverged':
      return { kind: 'diverged', reason: difference() ?? outcome.reason };
    case 'restart':
      throw new EngineError('internal', 'A replay asked to begin again.');
  }
}
