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

test('what was not deleted is not noted as deleted', async () => {
  await createTracker(api, 'kept');
  await api.db.query(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`);
  await api.db.query('create trigger refuse before delete on connections for each row execute function refuse()');
  expect((await api.call('DELETE', '/connections/c1?provider_config_key=kept')).status).toBe(500);
  const { body } = await api.call('GET', '/audit-log?limit=1');
  expect(body.data[0]).not.toMatchObject({ subject: 'kept/c1' });
});
