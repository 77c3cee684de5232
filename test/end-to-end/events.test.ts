import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { webhookWorkflowId } from '../../contract/ids.ts';
import type { OnEvent } from '../../contract/on-events.ts';
import { call, createIntegration } from '../../platform/example.ts';
import { compileScript, packForDeploy } from '../../sandbox/compile.ts';
import { usePlatform } from '../support/platform.ts';
import { until } from '../support/until.ts';
import { useUpstream } from '../support/upstream.ts';

const platform = usePlatform();
const upstream = useUpstream();
const application = useUpstream();

/** Deploys one script for an event to an integration of its own. */
async function deployEvent(integration: string, event: OnEvent, body: string): Promise<void> {
  await createIntegration(platform.caller, integration, 'example-tracker');
  const root = await mkdtemp(join(tmpdir(), 'nango-test-events-'));
  try {
    await writeFile(join(root, 'hook.ts'), `export default async function onEvent(nango: any) { ${body} }`);
    const bundle = await compileScript({ root, file: 'hook.ts' });
    const scripts = [{ name: 'hook', event, fileBody: { js: packForDeploy(bundle) } }];
    const onEventScriptsByProvider = [{ providerConfigKey: integration, scripts }];
    await call(platform.caller, 'POST', '/sync/deploy', { flowConfigs: [], onEventScriptsByProvider });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

const connect = (integration: string, apiKey = 'k') =>
  fetch(`${platform.caller.apiUrl}/connections`, {
    method: 'POST',
    headers: { authorization: `Bearer ${platform.caller.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ provider_config_key: integration, connection_id: 'acme', credentials: { apiKey } }),
  });
const connectionOf = async (integration: string) => {
  type Connections = { connections: { errors: { type: string }[]; metadata: Record<string, unknown> }[] };
  return (await call<Connections>(platform.caller, 'GET', `/connections?integrationId=${integration}`)).connections[0];
};
const CALL = `await nango.get({ endpoint: '/told', baseUrlOverride: `;

let heard: () => void = () => undefined;
beforeEach(() => {
  upstream.handleWith(() => {
    heard();
    return { status: 200, body: '{}' };
  });
});

test('a post-connection-creation script runs once the connection is there, and not when it is renewed', async () => {
  await deployEvent(
    'created',
    'post-connection-creation',
    `${CALL}'${upstream.url}' }); await nango.setMetadata({ x: 1 });`,
  );
  const told = new Promise<void>((resolve) => {
    heard = resolve;
  });
  expect((await connect('created')).status).toBe(201);
  await told;
  expect((await connect('created')).status).toBe(200);
  type Runs = { runs: { name: string; started_by: string; state: string }[] };
  const { runs } = await call<Runs>(platform.caller, 'GET', '/runs?provider_config_key=created');
  expect(runs.map(({ name, started_by }) => [name, started_by])).toEqual([['hook', 'event']]);
});

test('the application hears of a new connection once the script for it has ended', async () => {
  const { client, db } = platform.engine;
  await call(platform.caller, 'PATCH', '/environment/webhooks', { primary_url: `${application.url}/hook` });
  await deployEvent(
    'prepared',
    'post-connection-creation',
    `${CALL}'${upstream.url}' }); await nango.setMetadata({ ready: true });`,
  );
  const [asked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  upstream.handleWith(async () => {
    asked.resolve();
    await released.promise;
    return { json: {} };
  });
  const told = Promise.withResolvers<unknown>();
  application.handleWith(async () => {
    told.resolve((await connectionOf('prepared'))?.metadata);
    return { json: {} };
  });
  expect((await connect('prepared')).status).toBe(201);
  await asked.promise;
  const { rows } = await db.query<{ id: string }>(
    `select d.id from webhook_deliveries d join connections c on c.id = d.connection_id
     join integrations i on i.id = c.integration_id where i.unique_key = 'prepared'`,
  );
  const delivery = client.workflow.getHandle(webhookWorkflowId(rows[0]?.id ?? ''));
  // It has been looked at, and is either on its way or waits.
  await until('first look at the delivery', async () => {
    const { events = [] } = await delivery.fetchHistory();
    return (events ?? []).some(
      (event) => event.timerStartedEventAttributes ?? event.workflowExecutionCompletedEventAttributes,
    );
  });
  released.resolve();
  expect(await told.promise).toEqual({ ready: true });
  expect(application.requests).toHaveLength(1);
  await call(platform.caller, 'PATCH', '/environment/webhooks', { primary_url: null });
});

test('the deployed scripts name those for events, each with its event', async () => {
  await deployEvent('listed', 'pre-connection-deletion', '');
  type Config = { providerConfigKey: string; 'on-events': unknown[] }[];
  const config = await call<Config>(platform.caller, 'GET', '/scripts/config');
  const listed = config.find(({ providerConfigKey }) => providerConfigKey === 'listed');
  const named = { name: 'hook', type: 'on-event', event: 'pre-connection-deletion', enabled: true };
  expect(listed).toMatchObject({ syncs: [], actions: [], 'on-events': [named] });
});

test('a pre-connection-deletion script runs while the connection still works, and its failure stops nothing', async () => {
  await deployEvent('deleted', 'pre-connection-deletion', `${CALL}'${upstream.url}' }); throw new Error('no matter');`);
  await connect('deleted');
  await call(platform.caller, 'DELETE', '/connections/acme?provider_config_key=deleted');
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/told']);
  expect(await connectionOf('deleted')).toBeUndefined();
  expect(await platform.event(({ event }) => event === 'event.failed')).toMatchObject({ fields: { script: 'hook' } });
});

test('a validate-connection script that throws refuses a new connection, of which nothing stays', async () => {
  await deployEvent('checked', 'validate-connection', `throw new Error('not one of our teams');`);
  const answer = await connect('checked');
  expect([answer.status, await answer.json()]).toMatchObject([
    400,
    { error: { code: 'connection_validation_failed', message: expect.stringContaining('not one of our teams') } },
  ]);
  expect(await connectionOf('checked')).toBeUndefined();
  const { rows } = await platform.engine.db.query(`select from connections where not accepted`);
  expect(rows).toEqual([]);
});

test('one that refuses new credentials of a connection leaves it, to be signed in again', async () => {
  const body = `if ((await nango.getConnection()).credentials.apiKey === 'bad') throw new Error('wrong team');`;
  await deployEvent('renewed', 'validate-connection', body);
  expect((await connect('renewed', 'good')).status).toBe(201);
  expect((await connect('renewed', 'bad')).status).toBe(400);
  expect(await connectionOf('renewed')).toMatchObject({ errors: [{ type: 'auth' }] });
  expect((await connect('renewed', 'good')).status).toBe(200);
  expect(await connectionOf('renewed')).toMatchObject({ errors: [] });
});
