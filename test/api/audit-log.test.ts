import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { action, createTracker, deployFlows, flow } from '../support/deployment.ts';

const api = useApi();

test('keys, deployments and deletions are noted with who asked for them, newest first and page by page', async () => {
  await createTracker(api, 'noted', ['c1']);
  await deployFlows(api, flow('noted', 'tasks'), action('noted', 'post'));
  await deployFlows(api, flow('noted', 'tasks'), action('noted', 'post'));
  await api.call('PUT', '/environment-variables', { body: { variables: [{ name: 'TOKEN', value: 's3cret' }] } });
  await api.call('DELETE', '/connections/c1?provider_config_key=noted');
  await api.call('DELETE', '/integrations/noted');
  const { body, text } = await api.call('GET', '/audit-log');
  const by = { key_prefix: api.key.slice(0, 8), address: '127.0.0.1' };
  expect(body.data).toMatchObject([
    { action: 'integration.deleted', subject: 'noted', ...by },
    { action: 'connection.deleted', subject: 'noted/c1', ...by },
    { action: 'environment_variables.replaced', detail: { names: ['TOKEN'] }, ...by },
    { action: 'deployment', subject: 'dev', detail: { added: ['noted/tasks', 'noted/post'], updated: [] }, ...by },
    { action: 'key.created', subject: api.key.slice(0, 8), key_prefix: null, address: null },
  ]);
  for (const secret of [api.key, 's3cret']) expect(text).not.toContain(secret);
  const page = await api.call('GET', `/audit-log?limit=2&before=${body.data[1].id}`);
  expect(page.body.data.map((entry: { action: string }) => entry.action)).toEqual([
    'environment_variables.replaced',
    'deployment',
  ]);
});

test('keys made, rotated and revoked are noted by what is shown of them, and one that could not be revoked is not', async () => {
  const path = '/environment/api-keys';
  const made = await api.call('POST', path, { body: { display_name: 'reader', scopes: ['environment:records:read'] } });
  const next = await api.call('POST', `${path}/${made.body.data.id}/rotate`, { body: {} });
  expect((await api.call('DELETE', `${path}/${made.body.data.id}`)).status).toBe(200);
  const keys = await api.call('GET', path);
  const master = keys.body.data.find(({ prefix }: { prefix: string }) => prefix === api.key.slice(0, 8));
  expect((await api.call('DELETE', `${path}/${master.id}`)).status).toBe(409);
  const { body, text } = await api.call('GET', '/audit-log?limit=3');
  const by = { key_prefix: api.key.slice(0, 8), address: '127.0.0.1' };
  const { prefix, secret } = made.body.data;
  expect(body.data).toMatchObject([
    { action: 'key.revoked', subject: prefix, detail: { name: 'reader' }, ...by },
    { action: 'key.rotated', subject: prefix, detail: { name: 'reader', by: next.body.data.prefix }, ...by },
    { action: 'key.created', subject: prefix, detail: { scopes: ['environment:records:read'] }, ...by },
  ]);
  for (const one of [secret, next.body.data.secret]) expect(text).not.toContain(one);
});

/** How each route that deletes something is asked, and how the log names what it did; a new one needs a line here. */
const WHOSE = { provider_config_key: 'gone', connection_id: 'c1' };
const DELETIONS: Readonly<Record<string, readonly [path: string, action: string, subject: string, body?: object]>> = {
  'DELETE /sync/:name/variant/:variant': [
    '/sync/tasks/variant/own',
    'sync_variant.deleted',
    'gone/c1/tasks::own',
    WHOSE,
  ],
  'DELETE /integrations/:key/functions/:name': [
    '/integrations/gone/functions/post?type=action',
    'function.deleted',
    'gone/post',
  ],
  'DELETE /connections/:id': ['/connections/c1?provider_config_key=gone', 'connection.deleted', 'gone/c1'],
  'DELETE /connection/:id': ['/connection/c2?provider_config_key=gone', 'connection.deleted', 'gone/c2'],
  'DELETE /integrations/:key': ['/integrations/gone', 'integration.deleted', 'gone'],
  'DELETE /config/:key': ['/config/gone-as-of-old', 'integration.deleted', 'gone-as-of-old'],
};
/** Shown by the test of keys above, or of nothing that an environment keeps. */
const ELSEWHERE = ['DELETE /environment/api-keys/:id', 'DELETE /connect/session', 'DELETE /dashboard/session'];

test('every route that deletes something notes what and who', async () => {
  const deleting = api.routes().filter(([method]) => method === 'DELETE');
  const routes = deleting.map((route) => route.join(' ')).filter((route) => !route.includes('/proxy'));
  expect(routes.filter((route) => !(route in DELETIONS || ELSEWHERE.includes(route)))).toEqual([]);
  await createTracker(api, 'gone', ['c1', 'c2']);
  await createTracker(api, 'gone-as-of-old', []);
  await deployFlows(api, flow('gone', 'tasks'), action('gone', 'post'));
  expect((await api.call('POST', '/sync/tasks/variant/own', { body: WHOSE })).status).toBe(200);
  for (const [path, does, subject, body] of Object.values(DELETIONS)) {
    expect((await api.call('DELETE', path, body === undefined ? {} : { body })).status).toBeLessThan(300);
    const { body: log } = await api.call('GET', '/audit-log?limit=1');
    expect(log.data).toMatchObject([{ action: does, subject, key_prefix: api.key.slice(0, 8), address: '127.0.0.1' }]);
  }
});

test('what was not deleted is not noted as deleted', async () => {
  await createTracker(api, 'kept');
  await api.db.query(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`);
  await api.db.query('create trigger refuse before delete on connections for each row execute function refuse()');
  expect((await api.call('DELETE', '/connections/c1?provider_config_key=kept')).status).toBe(500);
  const { body } = await api.call('GET', '/audit-log?limit=1');
  expect(body.data[0]).not.toMatchObject({ subject: 'kept/c1' });
});
