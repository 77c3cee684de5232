import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { createDeliverWebhook } from '../../activities/deliver-webhook.ts';
import { createDelivery } from '../../outbound/delivery.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import { addDelivery, addReplay, findDelivery, triesOfDelivery } from '../../store/webhook-deliveries.ts';
import { DEFAULT_WEBHOOK_SETTINGS, putWebhookSettings } from '../../store/webhook-settings.ts';
import type { deliverWebhookWorkflow } from '../../workflows/index.ts';
import { useDatabase } from '../support/database.ts';
import { START, seedConnection } from '../support/rows.ts';
import { useTimeSkipping } from '../support/time-skipping.ts';
import { useUpstream } from '../support/upstream.ts';

const HOUR_MS = 3_600_000;
const time = useTimeSkipping();
const database = useDatabase();
const application = useUpstream();
const box = createSecretBox(randomBytes(32).toString('base64'));
const delivery = createDelivery({ allow: ['127.0.0.1'], answerTimeoutMs: 10_000 });
let environmentId = '';
let connectionRow = '';

beforeAll(async () => {
  ({ environmentId, connectionRow } = await seedConnection(database.pool, 'dev'));
  await putWebhookSettings(database.pool, { box, at: START }, environmentId, DEFAULT_WEBHOOK_SETTINGS);
});
afterAll(() => delivery.close());

/** The whole story of one delivery, on simulated time, by the real activity. */
async function deliver(deliveryId: string) {
  const clock = () => new Date(Context.current().info.currentAttemptScheduledTimestampMs);
  const deliverWebhook = createDeliverWebhook({ db: database.pool, box, delivery, clock, log: () => undefined });
  return time.withWorker({ deliverWebhook }, (taskQueue) =>
    time.env.client.workflow.execute<typeof deliverWebhookWorkflow>('deliverWebhookWorkflow', {
      ...{ workflowId: randomUUID(), taskQueue, args: [{ deliveryId }] },
    }),
  );
}

async function stored(sequence: string): Promise<string> {
  const at = new Date(await time.env.currentTimeMs());
  const webhook = { environmentId, connectionRow, runId: null, subject: 'Task', type: 'sync', sequence, at };
  const id = await addDelivery(database.pool, {
    ...webhook,
    url: `${application.url}/hook`,
    body: `{"sequence":${sequence}}`,
  });
  return id ?? '';
}

test('U098: an application that is away for a day is told again and again, less and less often; a replay still reaches it', async () => {
  application.handleWith(() => ({ status: 500 }));
  const id = await stored('1');
  expect(await deliver(id)).toEqual({ status: 'expired' });
  expect(application.requests).toHaveLength(11);

  const tries = (await triesOfDelivery(database.pool, environmentId, id))?.tries ?? [];
  const at = tries.map((one) => Date.parse(one.at));
  expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeGreaterThan(18 * HOUR_MS);
  expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeLessThan(30 * HOUR_MS);
  // Each came when the one before had said, which grows up to the share that is left to chance.
  for (const [number, { next_at }] of tries.entries()) {
    if (next_at === null) continue;
    expect(at[number + 1]).toBeGreaterThanOrEqual(Date.parse(next_at) - 1_000);
    expect(at[number + 1]).toBeLessThan(Date.parse(next_at) + 60_000);
  }
  expect(await findDelivery(database.pool, environmentId, id)).toMatchObject({ state: 'expired', attempts: 11 });

  application.handleWith(() => ({ status: 200 }));
  const replay = await addReplay(database.pool, id, new Date(await time.env.currentTimeMs()));
  expect(await deliver(replay)).toEqual({ status: 'delivered' });
  const bodies = application.requests.map(({ body }) => body.toString());
  expect(new Set(bodies)).toEqual(new Set(['{"sequence":1}']));
});

test('one that is back after half a day is told once more, and no more', async () => {
  let asked = 0;
  application.handleWith(() => ({ status: ++asked < 9 ? 503 : 204 }));
  const id = await stored('2');
  expect(await deliver(id)).toEqual({ status: 'delivered' });
  expect(application.requests).toHaveLength(9);
  const ids = application.requests.map(({ headers }) => headers['x-nango-delivery']);
  expect(new Set(ids)).toEqual(new Set([id]));
});
