/** Webhooks to an application that does not take them for a whole day, on simulated time, with the real activity and HTTP. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createActivities } from '../../activities/index.ts';
import { createClosing } from '../../runtime/closing.ts';
import type { deliverWebhookWorkflow } from '../../workflows/index.ts';
import { useApi } from '../support/api.ts';
import { createTracker } from '../support/deployment.ts';
import { type DurableRuns, openDurableRuns } from '../support/durable-runs.ts';
import { useTimeSkipping } from '../support/time-skipping.ts';
import { type UpstreamAnswer, useUpstream } from '../support/upstream.ts';

const HOUR_S = 3_600;
/** Between one attempt and the next, in seconds, a fifth of each left to chance. */
const WAITS_S = [5, 30, 120, 600, 1_800, HOUR_S, 2 * HOUR_S, 4 * HOUR_S, 8 * HOUR_S, 8 * HOUR_S];
const CHANCE = 0.2;
/** What a busy machine adds to a wait: outside of waits the server's clock goes as ours does. */
const SLACK_S = 15;
/** Of the activities' clock, which workflows must not mix with Temporal's. */
const AHEAD_MS = 86_400_000;

const time = useTimeSkipping();
const api = useApi();
const application = useUpstream();
const closing = createClosing();
let runs: DurableRuns;
let offsetMs = 0;
const clock = (): Date => new Date(Date.now() + offsetMs);

beforeAll(async () => {
  const { client } = time.env;
  runs = await openDurableRuns({
    ...{ db: api.db, closing, clock, client },
    providers: { example: { auth_mode: 'NONE' } },
  });
  await createTracker(api, 'day', ['c1', 'c2']);
  await api.call('PATCH', '/environment/webhooks', { body: { primary_url: `${application.url}/hook` } });
});
afterAll(() => closing.run());

/** The delivery of what a provider told us about the connection. */
async function delivery(connectionId: string): Promise<string> {
  api.setTime(clock());
  const { body } = await api.call('GET', '/integrations/day?include=webhook');
  const told = { connectionId, id: randomUUID() };
  await api.call('POST', new URL(body.data.webhook_url).pathname, { body: told, key: null });
  const { deliveries } = (await api.call('GET', '/webhooks/deliveries?state=pending')).body;
  return deliveries.find((one: { connection_id: string }) => one.connection_id === connectionId).id;
}

/** Delivers it to its end. */
async function deliver(deliveryId: string): Promise<unknown> {
  const { deliverWebhook } = createActivities({ ...runs.deps, box: api.box });
  const atServersTime: typeof deliverWebhook = async (input) => {
    offsetMs = (await time.env.currentTimeMs()) - Date.now() + AHEAD_MS;
    return deliverWebhook(input);
  };
  return time.withWorker({ deliverWebhook: atServersTime }, (taskQueue) =>
    time.env.client.workflow.execute<typeof deliverWebhookWorkflow>('deliverWebhookWorkflow', {
      ...{ workflowId: randomUUID(), taskQueue, args: [{ deliveryId }] as const },
    }),
  );
}

/** Answers as told, and notes when each delivery was attempted, in seconds of the server's time. */
function hear(answerTo: (attempt: number) => UpstreamAnswer): Map<string, number[]> {
  const heard = new Map<string, number[]>();
  application.handleWith(async ({ headers }) => {
    const id = String(headers['x-nango-delivery']);
    const times = [...(heard.get(id) ?? []), (await time.env.currentTimeMs()) / 1_000];
    heard.set(id, times);
    return answerTo(times.length);
  });
  return heard;
}

const waitsOf = (times: readonly number[] = []): number[] =>
  times.slice(1).map((at, index) => at - (times[index] ?? 0));
const seen = async (id: string) => (await api.call('GET', `/webhooks/deliveries/${id}`)).body;

test('what nobody takes for 24 hours is tried eleven times, ever more rarely and not together, and then shown as failed', async () => {
  const refusals = [{ status: 500 }, { status: 404 }, { status: 301 }, { status: 429 }, { breaks: 'at once' }] as const;
  const heard = hear((attempt) => refusals[attempt % refusals.length] ?? { status: 503 });
  const ids = [await delivery('c1'), await delivery('c2')];
  for (const id of ids) expect(await deliver(id)).toEqual({ status: 'expired' });

  for (const id of ids) {
    const waits = waitsOf(heard.get(id));
    expect(waits).toHaveLength(WAITS_S.length);
    for (const [at, nominal] of WAITS_S.entries()) {
      expect(waits[at]).toBeGreaterThanOrEqual(nominal * (1 - CHANCE) - SLACK_S);
      expect(waits[at]).toBeLessThanOrEqual(nominal * (1 + CHANCE) + SLACK_S);
    }
    expect(await seen(id)).toMatchObject({ state: 'expired', attempts: 11, last_status: 404, next_attempt_at: null });
  }
  const [first, second] = ids.map((id) => waitsOf(heard.get(id)));
  const apart = first?.map((wait, at) => Math.abs(wait - (second?.[at] ?? 0)) / (WAITS_S[at] ?? 1)) ?? [];
  expect(Math.max(...apart)).toBeGreaterThan(0.01);
  const shown = await api.call('GET', '/logs/operations?type=webhook&status=failed');
  expect(shown.body.operations.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining([...ids]));
}, 60_000);

test('one that has failed is sent again, the same bytes, by a replay that succeeds half a day later', async () => {
  hear(() => ({ status: 503 }));
  const id = await delivery('c1');
  expect(await deliver(id)).toEqual({ status: 'expired' });
  const sent = application.requests.map(({ body }) => body.toString());
  expect(new Set(sent).size).toBe(1);

  api.setTime(clock());
  const replay = await api.call('POST', `/webhooks/deliveries/${id}/replay`);
  expect([replay.status, replay.body.replay_of]).toEqual([202, id]);
  const heard = hear((attempt) => ({ status: attempt < 10 ? 503 : 204 }));
  expect(await deliver(replay.body.id)).toEqual({ status: 'delivered' });
  const again = application.requests.filter(({ headers }) => headers['x-nango-delivery'] === replay.body.id);
  expect(again.map(({ body }) => body.toString())).toEqual(Array.from({ length: 10 }, () => sent[0]));
  const [begun = 0, ...rest] = heard.get(replay.body.id) ?? [];
  expect((rest.at(-1) ?? 0) - begun).toBeGreaterThan(12 * HOUR_S);
  expect(await seen(replay.body.id)).toMatchObject({ state: 'delivered', attempts: 10, last_status: 204 });
  expect(await seen(id)).toMatchObject({ state: 'expired', attempts: 11 });
}, 60_000);
