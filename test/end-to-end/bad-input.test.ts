import { beforeAll, expect, test } from '@jest/globals';
import { createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, runSync, triggerSync, usePlatform } from '../support/platform.ts';

type Bad = {
  readonly name: string;
  /** What stands in the script behind a completed batch. */
  readonly line: string;
  readonly code: string;
  readonly says: RegExp;
  /** @default true: the failure names the script's line */
  readonly placed?: boolean;
};

const BAD: readonly Bad[] = [
  { name: 'throws', line: `throw new Error('no such field');`, code: 'script_failed', says: /no such field/ },
  { name: 'throws-nothing', line: `throw undefined;`, code: 'script_failed', says: /undefined/, placed: false },
  { name: 'rejects', line: `await Promise.reject(new TypeError('late'));`, code: 'script_failed', says: /late/ },
  { name: 'reads-null', line: `(null as any).title;`, code: 'script_failed', says: /null/ },
  { name: 'refused', line: `await nango.get({ endpoint: '/nowhere' });`, code: 'script_failed', says: /404/ },
  { name: 'loops', line: `for (;;);`, code: 'script_timed_out', says: /3000 ms/ },
  {
    name: 'allocates',
    line: `for (const all: any[] = []; ; ) all.push(new Array(10_000).fill(all.length));`,
    code: 'script_out_of_memory',
    says: /64 MB/,
    placed: false,
  },
  {
    name: 'undeclared',
    line: `await nango.batchSave([{ id: '1' }], 'Ghost');`,
    code: 'record_invalid',
    says: /'Ghost'/,
  },
  {
    name: 'null-row',
    line: `await nango.batchSave([{ id: 'x' }, null], 'Task');`,
    code: 'record_invalid',
    says: /null/,
  },
  { name: 'no-rows', line: `await nango.batchSave('rows', 'Task');`, code: 'record_invalid', says: /array/ },
  { name: 'no-id', line: `await nango.batchSave([{ title: 'x' }], 'Task');`, code: 'record_invalid', says: /id/ },
  {
    name: 'circular',
    line: `const row: any = { id: 'x' }; row.self = row; await nango.batchSave([row], 'Task');`,
    code: 'record_invalid',
    says: /JSON|circular/i,
  },
  {
    name: 'big-int',
    line: `await nango.batchSave([{ id: 'x', n: 1n }], 'Task');`,
    code: 'record_invalid',
    says: /BigInt/,
  },
  {
    name: 'swallows',
    line: `await nango.batchSave([{ title: 'x' }], 'Task').catch(() => undefined); throw new Error('went on');`,
    code: 'script_failed',
    says: /went on/,
  },
];

const LINE = 4;
const GOOD = `
export default async function fetchData(nango: any) {
  for (let page = 0; page < 20; page++) {
    await nango.batchSave([{ id: 'good-' + page }], 'Task');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}`;
const POST = `export default async function runAction(nango: any, input: any) { throw new Error('no ' + input.what); }`;

const platform = usePlatform({ NANGO_SCRIPT_CPU_MS: '3000', NANGO_SCRIPT_MEMORY_MB: '64' });
const at = (name: string) => ({ integration: 'tracker', connection: 'acme', name });

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  await createConnection(platform.caller, 'tracker', 'acme');
  const bad = BAD.map(({ name, line }) => ({ name, source: scriptOf(name, line) }));
  const action = { name: 'fails', source: POST, type: 'action' } as const;
  await deployScripts(platform.caller, 'tracker', [...bad, { name: 'good', source: GOOD }, action]);
});

function scriptOf(name: string, line: string): string {
  return `
export default async function fetchData(nango: any) {
  await nango.batchSave([{ id: '${name}' }], 'Task');
  ${line}
}`;
}

test.each(BAD)(
  'a script that is bad by "$name" fails with its line and cause',
  async ({ name, code, says, placed }) => {
    const run = await runSync(platform, at(name));
    expect(run).toMatchObject({ state: 'failed', error: { code, message: expect.stringMatching(says) } });
    if (placed !== false) expect(run.error?.location).toMatchObject({ file: `${name}.ts`, line: LINE });
    else expect(run.error?.message).toContain(`'${name}'`);
  },
);

test('what bad scripts saved before they failed stays, and nothing of the batch that failed', async () => {
  const { status, body } = await request('GET', '/records?model=Task&limit=100', undefined, OF_ACME);
  expect(status).toBe(200);
  const ids = body.records.map(({ id }: { id: string }) => id);
  expect(ids.sort()).toEqual(BAD.map(({ name }) => name).sort());
});

test('a good sync runs to its end while bad ones fail beside it in the same process', async () => {
  const good = await triggerSync(platform, at('good'));
  await platform.event(({ event, fields }) => event === 'run.started' && fields['run'] === good);
  const bad = await Promise.all(['loops', 'allocates', 'throws'].map((name) => runSync(platform, at(name))));
  expect(bad.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed']);
  expect(await endedRun(platform, good)).toMatchObject({ state: 'success', counts: { Task: { added: 20 } } });
});

test('a run that failed leaves lastSyncDate alone, so that nothing is skipped later', async () => {
  const { body } = await request('GET', '/sync/status?syncs=throws&provider_config_key=tracker&connection_id=acme');
  expect(body.syncs).toEqual([expect.objectContaining({ name: 'throws', latestExecutionStatus: 'ERROR' })]);
  const { rows } = await platform.engine.db.query(
    `select y.last_sync_date, y.lease_run from syncs y join scripts s on s.id = y.script_id where s.name = 'throws'`,
  );
  expect(rows).toEqual([{ last_sync_date: null, lease_run: null }]);
});

test('a failing action answers 424 with the script’s own message', async () => {
  const { status, body } = await request(
    'POST',
    '/action/trigger',
    { action_name: 'fails', input: { what: 'luck' } },
    OF_ACME,
  );
  expect(status).toBe(424);
  expect(JSON.stringify(body)).toContain('no luck');
});

test.each<[string, () => ReturnType<typeof request>, number, RegExp]>([
  ['connection', () => request('GET', '/connections/nobody?provider_config_key=tracker'), 404, /nobody/],
  [
    'connection of a record',
    () => request('GET', '/records?model=Task', undefined, of('tracker', 'nobody')),
    404,
    /nobody/,
  ],
  [
    'integration',
    () => request('POST', '/sync/trigger', { syncs: ['good'], provider_config_key: 'ghosts' }),
    404,
    /ghosts/,
  ],
  [
    'integration of a record',
    () => request('GET', '/records?model=Task', undefined, of('ghosts', 'acme')),
    404,
    /ghosts/,
  ],
  ['sync', () => request('POST', '/sync/trigger', { syncs: ['ghost'], provider_config_key: 'tracker' }), 404, /ghost/],
  ['model', () => request('GET', '/records?model=Ghost', undefined, OF_ACME), 404, /Ghost/],
  ['action', () => request('POST', '/action/trigger', { action_name: 'ghost' }, OF_ACME), 404, /ghost/],
  ['run', () => request('GET', '/runs/ghost'), 404, /ghost/],
  ['provider', () => request('POST', '/integrations', { unique_key: 'x', provider: 'ghost-town' }), 400, /ghost-town/],
])('an unknown %s is refused by its name', async (_what, ask, status, names) => {
  const answer = await ask();
  expect(answer.status).toBe(status);
  expect(answer.body.error.message).toMatch(names);
});

test('a wrong key is 401 and a body that is no JSON is 400', async () => {
  const wrong = await fetch(`${platform.caller.apiUrl}/integrations`, { headers: { authorization: 'Bearer nope' } });
  expect(wrong.status).toBe(401);
  const headers = { authorization: `Bearer ${platform.caller.key}`, 'content-type': 'application/json' };
  const broken = await fetch(`${platform.caller.apiUrl}/sync/trigger`, {
    method: 'POST',
    headers,
    body: '{"syncs": [',
  });
  expect(broken.status).toBe(400);
  expect(await broken.json()).toMatchObject({ error: { code: 'invalid_body' } });
});

const OF_ACME = of('tracker', 'acme');

function of(integration: string, connection: string): Record<string, string> {
  return { 'provider-config-key': integration, 'connection-id': connection };
}

async function request(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const { apiUrl, key } = platform.caller;
  const response = await fetch(`${apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at shapes that it then asserts.
  return { status: response.status, body: (await response.json()) as any };
}
