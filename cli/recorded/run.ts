/** Runs a script against its recording and compares; with chaos, killed once and resumed from its journal. */
import { createHash } from 'node:crypto';
import type { PendingCall } from '../../contract/host.ts';
import type { Journal, JournalEntry } from '../../contract/journal.ts';
import type { ScriptBundle, ScriptOutcome, ScriptRun } from '../../contract/script.ts';
import { DEFAULT_LIMITS } from '../../sandbox/limits.ts';
import type { Sandbox } from '../../sandbox/pool.ts';
import { differences } from './difference.ts';
import { createRecordedHost, type Effects, type Overrides, type RecordedHost } from './host.ts';
import type { Recording } from './recording.ts';

export type RecordedTest = {
  readonly integration: string;
  readonly script: string;
  readonly kind: 'sync' | 'action';
  readonly bundle: ScriptBundle;
  readonly recording: Recording;
  readonly overrides: Overrides;
  readonly provider: string;
  /** The provider's own settings of `paginate`. */
  readonly paginate: Readonly<Record<string, unknown>> | undefined;
  readonly clock: Date;
};
export type Disturbance = {
  readonly inject: readonly number[];
  /** The number of the host call at which the script's process is killed, from 1; never when absent. */
  readonly killAt?: number | undefined;
};
export type Verdict = {
  readonly verdict: 'pass' | 'fail' | 'error';
  /** Why it did not run to its end. */
  readonly reason: string | null;
  readonly diff: readonly string[];
  readonly calls: number;
  readonly ms: number;
  readonly saved: Effects['saved'];
  readonly deleted: Effects['deleted'];
  readonly output: unknown;
};

const SEED = createHash('sha256').update('nango test').digest('hex');
const MAX_PASSES = 50;

/** Never rejects for anything the script does. A sandbox for `killAt` runs one script at a time. */
export async function runRecorded(sandbox: Sandbox, test: RecordedTest, disturbance: Disturbance): Promise<Verdict> {
  const begun = performance.now();
  const isJournaled = disturbance.inject.length > 0 || disturbance.killAt !== undefined;
  let now = test.clock.getTime();
  const host = createRecordedHost({
    ...test,
    inject: disturbance.inject,
    journaled: isJournaled,
    clock: () => new Date(now),
    onCall: () => {
      if (host.calls() === disturbance.killAt) for (const pid of sandbox.stats().pids) process.kill(pid, 'SIGKILL');
    },
  });
  const entries: JournalEntry[] = [];
  let pending: readonly PendingCall[] = [];
  let outcome: ScriptOutcome;
  for (let pass = 1; ; pass += 1) {
    const journal = isJournaled ? openJournal(entries, pending, host) : undefined;
    outcome = await sandbox.run(scriptRun(test, host, journal, () => new Date(now)));
    const isLost = outcome.status === 'failed' && outcome.failure.code === 'runner_lost' && isJournaled;
    if (pass >= MAX_PASSES || (outcome.status !== 'suspended' && !isLost)) break;
    if (outcome.status !== 'suspended') continue;
    pending = outcome.suspension.pending;
    now = Math.max(now, outcome.suspension.resumeAt ?? now);
  }
  return judge(test, outcome, host, performance.now() - begun);
}

function scriptRun(
  test: RecordedTest,
  { host }: RecordedHost,
  journal: Journal | undefined,
  clock: () => Date,
): ScriptRun {
  const { kind, integration, recording, overrides } = test;
  return {
    environment: 'test',
    bundle: test.bundle,
    kind,
    context: {
      environmentName: 'test',
      providerConfigKey: integration,
      provider: test.provider,
      connectionId: 'test',
      scriptName: test.script,
      recording: 'play',
      ...(test.paginate === undefined ? {} : { paginate: test.paginate }),
      ...(kind === 'sync' ? { lastSyncDate: overrides.lastSyncDate ?? null, variant: 'base' } : {}),
    },
    input: recording.input === undefined ? undefined : JSON.stringify(recording.input),
    seed: SEED,
    clock,
    host,
    limits: DEFAULT_LIMITS,
    signal: new AbortController().signal,
    ...(journal === undefined ? {} : { journal }),
  };
}

/** The journal of one pass over what the passes before it left. */
function openJournal(entries: JournalEntry[], pending: readonly PendingCall[], host: RecordedHost): Journal {
  const remembered = [...entries];
  return {
    read: async () => remembered.splice(0),
    pending: new Map(pending.map((call) => [call.number, call])),
    hash: (kind, args, body) =>
      createHash('sha1')
        .update(JSON.stringify([kind, args, body]))
        .digest('base64url'),
    record: (entry) => {
      entries.push(entry);
      host.commit(entry.number);
    },
  };
}

function judge(test: RecordedTest, outcome: ScriptOutcome, host: RecordedHost, ms: number): Verdict {
  const { saved, deleted } = host.effects();
  const common = { calls: host.calls(), ms: Math.round(ms * 10) / 10, saved, deleted };
  if (outcome.status !== 'completed') {
    const reason = outcome.status === 'failed' ? outcome.failure.message : `the script ended as '${outcome.status}'`;
    return { verdict: 'error', reason, diff: [], output: null, ...common };
  }
  const output: unknown = outcome.output === undefined ? undefined : JSON.parse(outcome.output);
  const diff =
    test.kind === 'action' ? compareOutput(test.recording, output) : compareRows(test.recording, { saved, deleted });
  return { verdict: diff.length === 0 ? 'pass' : 'fail', reason: null, diff, output: output ?? null, ...common };
}

function compareOutput({ output }: Recording, got: unknown): string[] {
  if (output === undefined) return ['the recording has no output to compare with'];
  return differences(output.value ?? null, got ?? null, 'output');
}

function compareRows(recording: Recording, { saved, deleted }: Effects): string[] {
  const models = new Set([...Object.keys(recording.saved), ...Object.keys(saved)]);
  const rows = [...models].flatMap((model) =>
    differences(recording.saved[model] ?? [], saved[model] ?? [], `saved.${model}`),
  );
  const gone = Object.entries(recording.deleted)
    .filter(([, expected]) => expected.length > 0)
    .flatMap(([model, expected]) => differences(expected, deleted[model] ?? [], `deleted.${model}`));
  return [...rows, ...gone];
}
