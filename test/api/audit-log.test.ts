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

test('what was not deleted is not noted as deleted', async () => {
  await createTracker(api, 'kept');
  await api.db.query(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`);
  await api.db.query('create trigger refuse before delete on connections for each row execute function refuse()');
  expect((await api.call('DELETE', '/connections/c1?provider_config_key=kept')).status).toBe(500);
  const { body } = await api.call('GET', '/audit-log?limit=1');
  expect(body.data[0]).not.toMatchObject({ subject: 'kept/c1' });
});
