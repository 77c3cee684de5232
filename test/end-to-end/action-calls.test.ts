import { expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { type RunJson, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const platform = usePlatform();
const upstream = useUpstream();

type Started = { readonly id: string; readonly statusUrl: string };

async function deployPost(
  name: string,
): Promise<(headers: Record<string, string>, input?: unknown) => Promise<unknown>> {
  await createIntegration(platform.caller, 'team-chat', 'example-tracker');
  await createConnection(platform.caller, 'team-chat', name);
  const source = `
export default async function runAction(nango: any, input: any) {
  const { data } = await nango.post({ endpoint: '/messages', baseUrlOverride: '${upstream.url}', data: input });
  return data;
}`;
  await deployScripts(platform.caller, 'team-chat', [{ name, source, type: 'action' }]);
  return (headers, input = { text: 'hi' }) =>
    call(platform.caller, 'POST', '/action/trigger', { action_name: name, input }, [], {
      'provider-config-key': 'team-chat',
      'connection-id': name,
      ...headers,
    });
}

/** Actions tell nobody of their end: their row is asked. */
function endedAction(id: string): Promise<RunJson> {
  return until(`end of action ${id}`, async () => {
    const run = await call<RunJson>(platform.caller, 'GET', `/runs/${id}`);
    return !['queued', 'running', 'waiting'].includes(run.state) && run;
  });
}

test('an asynchronous action is run without its caller, which fetches the output by id', async () => {
  upstream.handleWith(async () => ({ json: { ts: 7 } }));
  const trigger = await deployPost('later');
  const { id, statusUrl } = (await trigger({ 'x-async': 'true' })) as Started;
  expect((await endedAction(id)).state).toBe('success');
  expect(await call(platform.caller, 'GET', statusUrl)).toEqual({ ts: 7 });
});

test('a failing asynchronous action begins again as often as it was asked to', async () => {
  let asked = 0;
  upstream.handleWith(async () => (++asked < 3 ? { status: 422, json: { error: 'not yet' } } : { json: { asked } }));
  const trigger = await deployPost('stubborn');
  const { id, statusUrl } = (await trigger({ 'x-async': 'true', 'x-max-retries': '3' })) as Started;
  expect((await endedAction(id)).state).toBe('success');
  expect(await call(platform.caller, 'GET', statusUrl)).toEqual({ asked: 3 });
});

test('an asynchronous action that has used up its retries fails', async () => {
  let asked = 0;
  upstream.handleWith(async () => ({ status: 422, json: { error: 'never', asked: ++asked } }));
  const trigger = await deployPost('hopeless');
  const { id } = (await trigger({ 'x-async': 'true', 'x-max-retries': '1' })) as Started;
  expect((await endedAction(id)).state).toBe('failed');
  expect(asked).toBe(2);
});

test('calls with one idempotency key, also while the first still runs, are one message and one answer', async () => {
  const arrived = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  upstream.handleWith(async () => {
    arrived.resolve();
    await released.promise;
    return { json: { ts: 9 } };
  });
  const trigger = await deployPost('once');
  const first = trigger({ 'idempotency-key': 'k1' });
  await arrived.promise;
  const second = trigger({ 'idempotency-key': 'k1' });
  released.resolve();
  expect(await Promise.all([first, second])).toEqual([{ ts: 9 }, { ts: 9 }]);
  expect(await trigger({ 'idempotency-key': 'k1' })).toEqual({ ts: 9 });
  expect(upstream.requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
});
