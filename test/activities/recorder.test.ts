import { expect, test } from '@jest/globals';
import { JOURNAL_LIMITS } from '../../activities/dependencies.ts';
import { openFlushWindow } from '../../activities/flush-window.ts';
import { createRecorder, type Recorder } from '../../activities/recorder.ts';
import type { PendingCall } from '../../contract/host.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { allocateSyncRun } from '../../store/allocation.ts';
import { pendingCalls } from '../../store/journal.ts';
import { beginAttempt } from '../../store/runs.ts';
import { useDatabase } from '../support/database.ts';
import { allocating, START, seedSync } from '../support/rows.ts';

const database = useDatabase();
const POST: PendingCall = {
  number: 7,
  argsHash: 'hash',
  attempt: 0,
  state: 'intended',
  resumeAt: null,
  what: 'POST /tasks',
  harmless: false,
};

test('a call stays in doubt until its answer is stored', async () => {
  const { recorder, inDoubt } = await openRun('in-doubt');
  await recorder.intend(POST);
  recorder.answered(POST.number);
  await recorder.flush(async () => undefined);
  expect(await inDoubt()).toEqual(['POST /tasks']);
  recorder.journal.record({ ...ENTRY, number: POST.number });
  await recorder.flush();
  expect(await inDoubt()).toEqual([]);
});

test('what only asked has nothing to store but a count, and what announced a call has', async () => {
  const { recorder } = await openRun('unstored');
  recorder.countRequest();
  recorder.journal.record({ ...ENTRY, number: 1 });
  expect(recorder.takeUnstored()).toMatchObject({ requests: 1 });
  await recorder.flush();
  expect(recorder.chunks()).toBe(0);
  await recorder.intend(POST);
  expect(recorder.takeUnstored()).toBeUndefined();
});

test('a line is to be stored', async () => {
  const { recorder } = await openRun('to-be-stored');
  recorder.log({ seq: 1, at: START, level: 'info', message: 'said' });
  expect(recorder.takeUnstored()).toBeUndefined();
  await recorder.flush();
  expect(recorder.takeUnstored()).toBeUndefined();
});

const ENTRY = { kind: 'request', argsHash: 'hash', args: '{}', ok: true, json: '{}', body: '', now: 0 } as const;

/** A run that has begun, and which of its calls are in doubt as another process would see it. */
async function openRun(environment: string): Promise<{ recorder: Recorder; inDoubt: () => Promise<string[]> }> {
  const sync = await seedSync(database.pool, environment);
  const { runId } = await allocateSyncRun(database.pool, allocating, sync, 'api');
  const run = await beginAttempt(database.pool, { runId, workflowRunId: 'w', at: START });
  if (run === undefined) throw new Error('The run did not begin');
  const fail = (fault: Error): never => {
    throw fault;
  };
  const parts = { meter: createMetrics(), flushWindow: openFlushWindow() };
  const deps = { ...allocating, ...parts, db: database.pool, limits: { journal: JOURNAL_LIMITS } };
  const recorder = createRecorder(deps, run, [], { signal: new AbortController().signal, fail, heed: () => undefined });
  const inDoubt = async () => (await pendingCalls(database.pool, run)).map(({ what }) => what);
  return { recorder, inDoubt };
}
