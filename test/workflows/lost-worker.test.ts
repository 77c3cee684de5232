import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { SyncStep } from '../../contract/sync.ts';
import type { syncWorkflow } from '../../workflows/index.ts';
import { useTimeSkipping } from '../support/time-skipping.ts';

const FINISHED: SyncStep = { status: 'finished', runId: 'r1', counts: {} };
const HANDED_OVER: SyncStep = { status: 'handedOver', runId: 'r1' };

// Its activities move the clock themselves: a server of its own keeps that from other tests.
const time = useTimeSkipping();

test('a script run whose worker is lost again and again is begun again within 15 s each time', async () => {
  const begun: number[] = [];
  const runScript = async (): Promise<SyncStep> => {
    const mine = begun.push(await time.env.currentTimeMs());
    if (mine === 4) return FINISHED;
    while (begun.length === mine) await time.env.sleep('1 second');
    return HANDED_OVER;
  };
  const result = await time.withWorker({ runScript }, async (queue) => {
    const options = { workflowId: randomUUID(), taskQueue: queue, args: [{ syncId: '1' }] as [{ syncId: string }] };
    return time.env.client.workflow.execute<typeof syncWorkflow>('syncWorkflow', options);
  });
  expect(result).toEqual(FINISHED);
  const gaps = begun.slice(1).map((at, attempt) => at - (begun[attempt] ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(15_000);
}, 90_000);
