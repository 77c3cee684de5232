import { createHmac } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { createTracker, deployFlows, flow } from '../support/deployment.ts';

const api = useApi();
const JSON_TYPE = { 'content-type': 'application/json' };

const addressOf = async (key: string): Promise<string> => {
  const { body } = await api.call('GET', `/integrations/${key}?include=webhook`);
  return new URL(body.data.webhook_url).pathname;
};
const send = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  api.call('POST', path, { body, headers, key: null });
const runsOf = async (key: string) =>
  (await api.call('GET', `/runs?provider_config_key=${key}`)).body.runs.filter(
    (run: { kind: string }) => run.kind === 'webhook',
  );
const subscribed = (key: string, name: string, ...types: string[]) =>
  flow(key, name, { auto_start: true, webhookSubscriptions: types });

test('a webhook becomes a run of each subscribed sync of its connection, and is answered at once', async () => {
  await createTracker(api, 'route', ['c1', 'c2']);
  await deployFlows(
    api,
    subscribed('route', 'all', '*'),
    subscribed('route', 'some', 'task.changed'),
    flow('route', 'none'),
  );
  const path = await addressOf('route');
  const answer = await send(path, { type: 'task.changed', connectionId: 'c1', id: 'e1' });
  expect([answer.status, answer.body]).toEqual([200, { received: true, repeated: false }]);
  await send(path, { type: 'other', connectionId: 'c1', id: 'e2' });
  const runs = await runsOf('route');
  expect(
    runs.map((run: Record<string, string>) => [run['name'], run['connection_id'], run['started_by']]).sort(),
  ).toEqual([
    ['all', 'c1', 'webhook'],
    ['all', 'c1', 'webhook'],
    ['some', 'c1', 'webhook'],
  ]);
});

test('an event that comes again is answered and not handled again', async () => {
  await createTracker(api, 'again');
  await deployFlows(api, subscribed('again', 'all', '*'));
  const path = await addressOf('again');
  const event = { type: 'x', connectionId: 'c1', id: 'same' };
  const answers = await Promise.all([send(path, event), send(path, event), send(path, event)]);
  expect(answers.map(({ body }) => body.repeated).sort()).toEqual([false, true, true]);
  expect(await runsOf('again')).toHaveLength(1);
});

test('only the first of several waiting webhooks is started, whatever Temporal says', async () => {
  await createTracker(api, 'line');
  await deployFlows(api, subscribed('line', 'all', '*'));
  const path = await addressOf('line');
  const started = new Promise<unknown>((resolve) => {
    api.engine.answer({ startAction: async (run) => resolve(run) });
  });
  await send(path, { type: 'x', connectionId: 'c1', id: '1' });
  const first = (await started) as { runId: string };
  await send(path, { type: 'x', connectionId: 'c1', id: '2' });
  const runs = await runsOf('line');
  expect(runs.map(({ id }: { id: string }) => id)).toContain(first.runId);
  const begun = api.engine.calls.filter(([method]) => method === 'startAction');
  expect(new Set(begun.map(([, run]) => (run as { runId: string }).runId))).toEqual(new Set([first.runId]));
});

test('a paused sync, and a connection of another account, hear nothing', async () => {
  await createTracker(api, 'quiet', ['c1', 'c2']);
  await deployFlows(api, subscribed('quiet', 'all', '*'));
  await api.call('POST', '/sync/pause', {
    body: { syncs: ['all'], provider_config_key: 'quiet', connection_id: 'c1' },
  });
  const path = await addressOf('quiet');
  await send(path, { type: 'x', connectionId: 'c1' });
  await send(path, { type: 'x', connectionId: 'nobody' });
  expect(await runsOf('quiet')).toEqual([]);
});

test('a signed provider is believed by its signature alone, and its account finds the connection', async () => {
  const credentials = { webhook_secret: 's3cret' };
  await api.call('POST', '/integrations', { body: { provider: 'signing-tracker', unique_key: 'signed', credentials } });
  const connection = { provider_config_key: 'signed', connection_id: 'acme', credentials: { apiKey: 'k' } };
  await api.call('POST', '/connections', { body: { ...connection, metadata: { account: '42' } } });
  await deployFlows(api, subscribed('signed', 'all', '*'));
  const path = await addressOf('signed');
  const body = JSON.stringify({ account: { id: 42 } });
  const signature = createHmac('sha256', 's3cret').update(body).digest('base64');
  const sent = (value: string) =>
    api.call('POST', path, {
      raw: body,
      key: null,
      headers: { 'x-signature': value, 'x-event': 'made', ...JSON_TYPE },
    });
  const forged = await sent(signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')));
  expect([forged.status, forged.body.error.code]).toEqual([401, 'webhook_refused']);
  expect(forged.text).not.toContain('s3cret');
  expect(await runsOf('signed')).toEqual([]);
  expect((await sent(signature)).status).toBe(200);
  expect(await runsOf('signed')).toMatchObject([{ connection_id: 'acme', name: 'all' }]);
});

test('a webhook is passed on: in an envelope for its connection, as it came for none', async () => {
  await createTracker(api, 'forward');
  await api.call('PATCH', '/environment/webhooks', { body: { primary_url: 'https://app.example/hook' } });
  const path = await addressOf('forward');
  await send(path, { connectionId: 'c1', b: 1, a: 2 });
  await send(path, { strange: true });
  const { rows } = await api.db.query<{ body: string }>(
    `select body from webhook_deliveries where type = 'forward' order by connection_id nulls last`,
  );
  expect(rows.map(({ body }) => JSON.parse(body))).toEqual([
    {
      from: 'tracker',
      type: 'forward',
      providerConfigKey: 'forward',
      connectionId: 'c1',
      payload: { connectionId: 'c1', b: 1, a: 2 },
      sequence: 1,
    },
    { strange: true },
  ]);
  await api.call('PATCH', '/integrations/forward', { body: { forward_webhooks: false } });
  await send(path, { connectionId: 'c1', id: 'later' });
  expect((await api.db.query(`select from webhook_deliveries where type = 'forward'`)).rowCount).toBe(2);
});

test.each([
  ['an unknown environment', '/webhook/00000000-0000-4000-8000-000000000000/wrong', '{}', 404],
  ['no environment', "/webhook/x'%00/wrong", '{}', 404],
  ['the name of the environment', '/webhook/dev/wrong', '{}', 404],
])('%s is answered with 404', async (_, path, raw, status) => {
  await createTracker(api, 'wrong', []).catch(() => undefined);
  expect((await api.call('POST', path, { raw, key: null })).status).toBe(status);
});

test('a body that is no JSON, or too large, is refused and leaves nothing', async () => {
  await createTracker(api, 'bad');
  const path = await addressOf('bad');
  expect((await api.call('POST', path, { raw: '{', key: null, headers: JSON_TYPE })).status).toBe(400);
  expect((await api.call('POST', path, { raw: `"${'x'.repeat(1_000_001)}"`, key: null })).status).toBe(413);
  const { rowCount } = await api.db.query(
    `select from inbound_webhooks w join integrations i on i.id = w.integration_id where i.unique_key = 'bad'`,
  );
  expect(rowCount).toBe(0);
});
