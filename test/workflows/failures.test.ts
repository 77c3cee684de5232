import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import type { Activities } from '../../activities/index.ts';
import { EngineError } from '../../contract/failures.ts';
import type { syncWorkflow } from '../../workflows/index.ts';
import { useTimeSkipping } from '../support/time-skipping.ts';

const time = useTimeSkipping();

/** The events of a sync's workflow that fails, as a person reads them in the Temporal Web UI. */
async function historyOf(runScript: Activities['runScript']): Promise<string> {
  return time.withWorker({ runScript, settleRun: async () => undefined }, async (taskQueue) => {
    const handle = await time.env.client.workflow.start<typeof syncWorkflow>('syncWorkflow', {
      workflowId: randomUUID(),
      taskQueue,
      args: [{ syncId: '1' }],
    });
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    return JSON.stringify((await handle.fetchHistory()).events);
  });
}

const FILE = /file:\/\/|\/\w[\w.-]*\/[\w./-]+\.[jt]s:\d+|node:internal/;

test('a history shows a failed script by code, message and place, and no file of the machine that ran it', async () => {
  const failure = {
    code: 'script_failed',
    message: 'no such field',
    location: { file: 'tasks.ts', line: 3, column: 9 },
  } as const;
  const history = await historyOf(async () => ({ status: 'failed', runId: 'r1', failure }));
  expect(history).toContain('no such field');
  expect(history).not.toMatch(FILE);
});

test.each([
  ['a fault of ours', new EngineError('journal_damaged', 'an entry is missing')],
  ['a fault with a cause', new EngineError('lease_lost', 'another run', { cause: new Error('deep') })],
])('a history shows %s by code and message, without stacks', async (_, error) => {
  const history = await historyOf(async () => {
    throw error;
  });
  expect(history).toContain(error.message);
  expect(history).not.toMatch(FILE);
});
