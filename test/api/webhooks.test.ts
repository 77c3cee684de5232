import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import { addDelivery, type NewDelivery, nextSequence, noteAttempt } from '../../store/webhook-deliveries.ts';
import { signingKey } from '../../store/webhook-settings.ts';
import { NOW, useApi } from '../support/api.ts';
import { createTracker } from '../support/deployment.ts';

const api = useApi();
let owner: { environmentId: string; connectionRow: string };

beforeAll(async () => {
  await createTracker(api, 'chat');
  const { rows } = await api.db.query(
    `select environment_id::text as "environmentId", id::text as "connectionRow" from connections limit 1`,
  );
  owner = rows[0];
});
beforeEach(async () => {
  await api.db.query('delete from webhook_settings');
  await api.db.query('delete from webhook_deliveries');
});

const settings = (body: unknown) => api.call('PATCH', '/environment/webhooks', { body });

async function deliver(subject: string, how: Partial<NewDelivery> = {}): Promise<string> {
  const sequence = await nextSequence(api.db, owner.connectionRow);
  const common = { ...owner, runId: null, subject, type: 'sync', url: 'https://app.test/hook', body: '{"a":1}' };
  // Ids sort by time.
  const at = new Date(NOW.getTime() + Number(sequence));
  const id = await addDelivery(api.db, { ...common, sequence, at, ...how });
  if (id === undefined) throw new Error('It was written before');
  return id;
}

test('without settings nothing is sent, and everything but empty completions would be', async () => {
  expect((await api.call('GET', '/environment/webhooks')).body).toEqual({
    data: {
      primary_url: null,
      secondary_url: null,
      on_sync_completion_always: false,
      on_sync_error: true,
      on_auth_creation: true,
      on_auth_refresh_error: true,
      on_async_action_completion: true,
    },
  });
});

test('settings change one by one; the first change shows the signing key, once', async () => {
  const first = await settings({ primary_url: 'https://app.test/hook' });
  expect(first.body.data).toMatchObject({ primary_url: 'https://app.test/hook', on_sync_error: true });
  expect(first.body.data.signing_key).toBe(await signingKey(api.db, api.box, owner.environmentId));
  const second = await settings({ on_sync_error: false });
  expect(second.body.data).toMatchObject({ primary_url: 'https://app.test/hook', on_sync_error: false });
  expect(second.body.data.signing_key).toBeUndefined();
  expect((await api.call('GET', '/environment/webhooks')).body).toEqual(second.body);
  expect((await api.call('GET', '/environment/webhooks', { key: api.otherKey })).body.data.primary_url).toBeNull();
});

test('the signing key is sealed where it is kept', async () => {
  const { body } = await settings({ primary_url: 'https://app.test/hook' });
  const { rows } = await api.db.query('select w::text as row from webhook_settings w');
  expect(rows[0].row).not.toContain(body.data.signing_key);
});

test('a rotated signing key is the one used from then on', async () => {
  const { body: before } = await settings({ primary_url: 'https://app.test/hook' });
  const { body: after } = await api.call('POST', '/environment/webhook-signing-key/rotate');
  expect(after.data.signing_key).not.toBe(before.data.signing_key);
  expect(await signingKey(api.db, api.box, owner.environmentId)).toBe(after.data.signing_key);
});

test('there is no key to rotate before webhooks are set up', async () => {
  const { status, body } = await api.call('POST', '/environment/webhook-signing-key/rotate');
  expect([status, body.error.code]).toEqual([404, 'not_found']);
});

test.each([
  [{ primary_url: 'ftp://app.test' }],
  [{ primary_url: 'app.test/hook' }],
  [{ primary_url: 'https://user:word@app.test' }],
  [{ on_sync_error: 'yes' }],
  [{ on_everything: true }],
])('the settings %j are refused', async (body) => {
  expect(await settings(body)).toMatchObject({ status: 400, body: { error: { code: 'invalid_body' } } });
});

test('deliveries are listed newest first, by state and by page', async () => {
  const ids = [await deliver('a'), await deliver('b'), await deliver('c')];
  const done = { status: 200, error: null, at: NOW, nextAttemptAt: null, tookMs: 1 } as const;
  await noteAttempt(api.db, { id: ids[1] ?? '', state: 'delivered', ...done });
  const page = await api.call('GET', '/webhooks/deliveries?limit=2');
  expect(page.body.deliveries.map(({ id }: { id: string }) => id)).toEqual([...ids].reverse().slice(0, 2));
  const rest = await api.call('GET', `/webhooks/deliveries?limit=2&before=${page.body.next_before}`);
  expect(rest.body).toMatchObject({ deliveries: [{ id: ids[0], state: 'pending' }], next_before: null });
  const delivered = await api.call('GET', '/webhooks/deliveries?state=delivered');
  expect(delivered.body.deliveries).toMatchObject([
    { id: ids[1], state: 'delivered', attempts: 1, last_status: 200, connection_id: 'c1', provider_config_key: 'chat' },
  ]);
});

test('one delivery is shown with its exact body, to its own environment only', async () => {
  const id = await deliver('a');
  expect((await api.call('GET', `/webhooks/deliveries/${id}`)).body).toMatchObject({
    id,
    body: '{"a":1}',
    attempts: 0,
  });
  expect((await api.call('GET', `/webhooks/deliveries/${id}`, { key: api.otherKey })).status).toBe(404);
});

test('a replay is a delivery of its own with the same body', async () => {
  const id = await deliver('a');
  const { status, body } = await api.call('POST', `/webhooks/deliveries/${id}/replay`);
  expect([status, body.replay_of]).toEqual([202, id]);
  expect(api.engine.calls).toEqual([['startDelivery', body.id]]);
  expect((await api.call('GET', `/webhooks/deliveries/${body.id}`)).body).toMatchObject({
    state: 'pending',
    replay_of: id,
    body: '{"a":1}',
  });
});

test('a replay that Temporal cannot hear of is kept for later', async () => {
  const id = await deliver('a');
  api.engine.answer({ startDelivery: () => Promise.reject(new Error('gone')) });
  expect((await api.call('POST', `/webhooks/deliveries/${id}/replay`)).status).toBe(202);
});

test.each(['GET /webhooks/deliveries/nope', 'POST /webhooks/deliveries/nope/replay'])(
  '%s names what is unknown',
  async (call) => {
    const [method = '', path = ''] = call.split(' ');
    const { status, body } = await api.call(method, path);
    expect([status, body.error.code]).toEqual([404, 'not_found']);
    expect(body.error.message).toContain("'nope'");
  },
);
