import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from '@jest/globals';
import { TASK_QUEUES } from '../../contract/engine.ts';
import { CLIENT } from '../../bench/upstream/authorization-server.ts';
import { call, createIntegration } from '../../platform/example.ts';
import { useAuthorizationServer } from '../support/authorization-server.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { useUpstream } from '../support/upstream.ts';
import { endedRun, runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { until } from '../support/until.ts';

const server = useAuthorizationServer();
const upstream = useUpstream();
const platform = usePlatform({
  NANGO_PROVIDERS_FILE: fileURLToPath(new URL('../fixtures/api/providers.yaml', import.meta.url)),
});

const SYNC = `
export default async function fetchData(nango: any) {
  const { status } = await nango.get({ endpoint: '/me' });
  await nango.batchSave([{ id: '1', status }], 'Task');
}`;

/** A script that says all it knows, in its log and in what it fails with. */
const LEAKY = `
export default async function fetchData(nango: any) {
  const { credentials } = await nango.getConnection();
  const variables = await nango.getEnvironmentVariables();
  await nango.log(credentials, variables);
  throw new nango.ActionError({ message: 'It is ' + credentials.access_token, credentials, variables });
}`;

const HOUR_MS = 3_600_000;
const PEM = (name: string) => new URL(`../fixtures/tls/${name}.pem`, import.meta.url);
let names = { integration: '', connection: '', name: 'tasks' };
let count = 0;

beforeEach(() => {
  count += 1;
  names = { integration: `server-${count}`, connection: `c-${count}`, name: 'tasks' };
});

async function api(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${platform.caller.apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${platform.caller.key}`, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

/** A connection with a grant of the server, its token ending in that many milliseconds, and the deployed sync. */
async function connect(endsInMs: number) {
  const credentials = { type: 'OAUTH2', client_id: CLIENT.id, client_secret: CLIENT.secret };
  await api('POST', '/integrations', { unique_key: names.integration, provider: 'oauth-server', credentials });
  const grant = server.grant();
  const expiresAt = new Date(Date.now() + endsInMs).toISOString();
  await call(platform.caller, 'POST', '/connections', {
    provider_config_key: names.integration,
    connection_id: names.connection,
    credentials: { type: 'OAUTH2', ...grant, expires_at: expiresAt },
    connection_config: { server: server.url },
  });
  await deployScripts(platform.caller, names.integration, [{ name: names.name, source: SYNC }]);
  return grant;
}

const schedule = async () => {
  const id = `sync:dev:${names.integration}:${names.connection}:${names.name}`;
  return (await platform.engine.client.schedule.getHandle(id).describe()).state.paused;
};

test('a run that is queued while its token is rotated reads the new one when it runs, and its history holds none (U046)', async () => {
  await platform.stop();
  await platform.start({ actions: false, syncs: false });
  const grant = await connect(HOUR_MS);
  const queued = await triggerSync(platform, names);
  server.expireAll();
  const fresh = server.grant();
  await call(platform.caller, 'POST', '/connections', {
    provider_config_key: names.integration,
    connection_id: names.connection,
    credentials: { type: 'OAUTH2', ...fresh },
    connection_config: { server: server.url },
  });
  expect(server.apiCalls).toEqual([]);
  await platform.stop();
  await platform.start();
  const run = await endedRun(platform, queued);
  expect(run.state).toBe('success');
  const { events } = await platform.engine.client.workflow.getHandle(run.workflow_id).fetchHistory();
  const history = bytesIn(events).join('\n');
  expect(history).toContain(queued);
  for (const token of [grant, fresh].flatMap((one) => [one.access_token, one.refresh_token]))
    expect(history).not.toContain(token);
});

/** What stands in a history, its payloads opened. */
function bytesIn(value: unknown): string[] {
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('utf8')];
  if (typeof value !== 'object' || value === null) return [String(value)];
  return Object.values(value).flatMap(bytesIn);
}

test('a token that was brought along dead is replaced at the first refusal', async () => {
  await connect(HOUR_MS);
  server.expireAll();
  expect((await runSync(platform, names)).state).toBe('success');
  expect(server.tokenCalls).toHaveLength(1);
});

test('a sync refreshes the token it needs, and the log tells of it', async () => {
  await connect(-1_000);
  expect((await runSync(platform, names)).state).toBe('success');
  expect(server.tokenCalls).toHaveLength(1);
  // Written by the process that refreshed, a moment after.
  const path = `/logs/operations?type=auth&provider_config_key=${names.integration}`;
  const told = await until('second operation', async () => {
    const { operations } = JSON.parse((await api('GET', path)).text) as {
      operations: readonly { operation: string; status: string }[];
    };
    return operations.length >= 2 && operations;
  });
  expect(told.map(({ operation, status }) => `${operation} ${status}`).sort()).toEqual([
    'create_connection success',
    'refresh_token success',
  ]);
});

test('a dead connection keeps its schedules still until it is signed in again; a pause by hand stays (U051, U064)', async () => {
  await connect(-1_000);
  await call(platform.caller, 'POST', '/sync/start', { syncs: [names.name], provider_config_key: names.integration });
  expect(await schedule()).toBe(false);
  server.revokeAll();
  const run = await runSync(platform, names);
  expect(run).toMatchObject({ state: 'failed', error: { code: 'connection_unauthorized' } });
  await platform.engine.client.workflow.execute('reconcileWorkflow', {
    workflowId: `reconcile-${count}-a`,
    taskQueue: TASK_QUEUES.background,
    args: [{ thorough: false }],
  });
  expect(await schedule()).toBe(true);
  const { status } = JSON.parse(
    (await api('GET', `/sync/status?syncs=*&provider_config_key=${names.integration}`)).text,
  ).syncs[0];
  expect(status).not.toBe('PAUSED');
  const told = platform.events.filter(
    ({ event, fields }) => event === 'connection.unauthorized' && fields['connection'] === names.connection,
  );
  expect(told).toHaveLength(1);
  await connect(HOUR_MS);
  expect(await schedule()).toBe(false);
  await call(platform.caller, 'POST', '/sync/pause', { syncs: [names.name], provider_config_key: names.integration });
  await connect(HOUR_MS);
  expect(await schedule()).toBe(true);
  await deployScripts(platform.caller, names.integration, [{ name: names.name, source: `// another\n${SYNC}` }]);
  await platform.stop();
  await platform.start();
  await platform.engine.client.workflow.execute('reconcileWorkflow', {
    workflowId: `reconcile-${count}-b`,
    taskQueue: TASK_QUEUES.background,
    args: [{ thorough: false }],
  });
  expect(await schedule()).toBe(true);
});

test('a limit that one run sees used up is waited for by every run of the connection', async () => {
  await connect(HOUR_MS);
  const times: number[] = [];
  upstream.handleWith(() => {
    times.push(performance.now());
    return { json: {}, headers: { ratelimit: times.length === 1 ? '"second";r=0;t=2' : '"second";r=5;t=2' } };
  });
  const source = `
export default async function runAction(nango: any) {
  const { status } = await nango.get({ endpoint: '/x', baseUrlOverride: '${upstream.url}' });
  return status;
}`;
  await deployScripts(platform.caller, names.integration, [{ name: 'get', source, type: 'action' }]);
  const headers = { 'provider-config-key': names.integration, 'connection-id': names.connection };
  for (let run = 0; run < 2; run += 1) {
    expect(await api('POST', '/action/trigger', { action_name: 'get', input: null }, headers)).toMatchObject({
      text: '200',
    });
  }
  const [first = 0, second = 0] = times;
  expect(second - first).toBeGreaterThan(1_900);
});

test("paginate has the provider's settings beneath those of the call", async () => {
  await connect(HOUR_MS);
  const source = `
export default async function runAction(nango: any) {
  const pages = [];
  for await (const page of nango.paginate({ endpoint: '/me', paginate: { response_path: 'none' } })) pages.push(page);
  return pages.length;
}`;
  await deployScripts(platform.caller, names.integration, [{ name: 'pages', source, type: 'action' }]);
  const headers = { 'provider-config-key': names.integration, 'connection-id': names.connection };
  expect(await api('POST', '/action/trigger', { action_name: 'pages', input: null }, headers)).toEqual({
    status: 200,
    text: '0',
  });
});

test('the tokens of connections that nobody uses are refreshed in the background', async () => {
  await connect(-48 * HOUR_MS);
  const { db, client } = platform.engine;
  await db.query(`update connections set credentials_at = now() - interval '25 hours' where connection_id = $1`, [
    names.connection,
  ]);
  await client.workflow.execute('refreshIdleWorkflow', {
    workflowId: `refresh-idle-${count}`,
    taskQueue: TASK_QUEUES.background,
    args: [],
  });
  expect(server.tokenCalls).toHaveLength(1);
  const { rows } = await db.query('select expires_at > now() as alive from connections where connection_id = $1', [
    names.connection,
  ]);
  expect(rows).toEqual([{ alive: true }]);
  expect((await client.schedule.getHandle('refresh-idle').describe()).spec.intervals).toMatchObject([
    { every: HOUR_MS },
  ]);
});

test('no secret is in a log, an error, Temporal or any column of Postgres', async () => {
  const grant = await connect(-1_000);
  const errors: string[] = [];
  const failing = async (...request: Parameters<typeof api>): Promise<void> => {
    const { status, text } = await api(...request);
    expect(status).toBeGreaterThanOrEqual(400);
    errors.push(text);
  };
  // A provider that tells the secrets back, then one that is away, then one that works.
  const echo = `${grant.refresh_token} of ${CLIENT.secret}`;
  server.refusals.push({ status: 400, body: JSON.stringify({ error: 'weird', error_description: echo }) });
  const headers = { 'provider-config-key': names.integration, 'connection-id': names.connection };
  await failing('GET', '/proxy/me', undefined, headers);
  server.refusals.push({ status: 503, body: echo });
  const path = `/connections/${names.connection}?provider_config_key=${names.integration}`;
  await failing('GET', `${path}&force_refresh=true`);
  expect((await api('GET', `${path}&force_refresh=true`)).status).toBe(200);
  expect((await runSync(platform, names)).state).toBe('success');
  await createIntegration(platform.caller, 'keys', 'key-tracker');
  const apiKey = 'api-key-that-nobody-may-see';
  await failing('POST', '/connections', {
    provider_config_key: 'keys',
    credentials: { type: 'API_KEY', apiKey, unknown: apiKey },
  });
  await call(platform.caller, 'POST', '/connections', {
    provider_config_key: 'keys',
    connection_id: 'k',
    credentials: { type: 'API_KEY', apiKey },
    connection_config: { server: 'http://127.0.0.1:1' },
  });
  await failing('GET', '/proxy/x', undefined, { 'provider-config-key': 'keys', 'connection-id': 'k' });
  await createIntegration(platform.caller, 'certificates', 'certificate-server');
  const [certificate, key] = await Promise.all(['client', 'client.key'].map((name) => readFile(PEM(name), 'utf8')));
  const shown = { client_certificate: certificate, client_private_key: key };
  await failing('POST', '/connections', {
    provider_config_key: 'certificates',
    credentials: { client_id: 'c', client_secret: 's', ...shown, unknown: key },
  });
  await call(platform.caller, 'POST', '/connections', {
    provider_config_key: 'certificates',
    connection_id: 'c',
    credentials: { token: 'a-token-under-a-certificate', ...shown },
    connection_config: { server: 'https://127.0.0.1:1' },
  });
  await failing('GET', '/proxy/x', undefined, { 'provider-config-key': 'certificates', 'connection-id': 'c' });
  const keyLine = key?.split('\n')[1] ?? '';
  const variable = 'variable-that-nobody-may-see';
  await api('PUT', '/environment-variables', { variables: [{ name: 'PARTNER_TOKEN', value: variable }] });
  const webhookSecret = 'webhook-secret-that-nobody-may-see';
  const app = { type: 'OAUTH2', client_id: CLIENT.id, client_secret: CLIENT.secret, webhook_secret: webhookSecret };
  await api('PATCH', `/integrations/${names.integration}`, { credentials: app });
  const hook = { primary_url: 'http://127.0.0.1:1/hook' };
  const { data: signing } = JSON.parse((await api('PATCH', '/environment/webhooks', hook)).text);
  const { data: session } = JSON.parse((await api('POST', '/connect/sessions', { end_user: { id: 'ada' } })).text);
  await deployScripts(platform.caller, names.integration, [{ name: 'leaky', source: LEAKY }]);
  const leaky = await runSync(platform, { ...names, name: 'leaky' });
  expect(leaky).toMatchObject({ state: 'failed', error: { message: expect.stringContaining('It is ***') } });
  errors.push(JSON.stringify(leaky));

  const { rows } = await platform.engine.db.query('select credentials from connections where connection_id = $1', [
    names.connection,
  ]);
  const now = server.tokenCalls.at(-1)?.params.get('refresh_token') ?? '';
  const secrets = [
    CLIENT.secret,
    grant.access_token,
    grant.refresh_token,
    now,
    server.apiCalls.at(-1) ?? '',
    apiKey,
    keyLine,
    variable,
    webhookSecret,
    signing.signing_key,
    session.token,
    platform.caller.key,
  ];
  for (const secret of secrets) expect(String(secret).length).toBeGreaterThanOrEqual(8);
  expect(new Set(secrets).size).toBeGreaterThanOrEqual(11);
  expect(rows[0].credentials).toMatch(/^v1:/);
  const places = {
    errors: errors.join('\n'),
    log: JSON.stringify(platform.events),
    postgres: await postgresText(),
    temporal: await temporalBytes(),
  };
  // What may be seen is seen there, so that finding nothing means something.
  expect(places.log).toContain(names.connection);
  expect(places.postgres).toContain(names.connection);
  expect(places.temporal).toContain(names.connection);
  for (const [place, text] of Object.entries(places)) {
    for (const secret of secrets)
      for (const form of formsOf(secret)) expect([place, text.includes(form)]).toEqual([place, false]);
  }
}, 90_000);

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('hex'),
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
  ];
}

async function postgresText(): Promise<string> {
  const { db } = platform.engine;
  const tables = await db.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  const texts: string[] = [];
  for (const { name } of tables.rows) {
    const { rows } = await db.query<{ row: string }>(`select t::text as row from "${name}" t`);
    texts.push(...rows.map(({ row }) => row));
  }
  return texts.join('\n');
}

async function temporalBytes(): Promise<string> {
  const folder = join(platform.temporal.folder(), 'temporal');
  const files = await readdir(folder);
  const contents = await Promise.all(files.map((file) => readFile(join(folder, file), 'latin1')));
  return contents.join('\n');
}
