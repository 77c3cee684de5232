import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const folders = useFolders();
const upstream = useUpstream();
let cwd = '';

const TASKS = [
  {
    id: 't1',
    title: 'One',
    done: false,
    assignee: { name: 'Ada' },
    updated_at: '2026-01-01T00:00:00Z',
    deleted: false,
  },
  { id: 't2', title: 'Two', done: true, assignee: null, updated_at: '2026-01-02T00:00:00Z', deleted: true },
];

async function dryrun(...argv: readonly string[]) {
  return runCli(['dryrun', ...argv], { cwd, env: { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key } });
}

async function addConnection(integration: string, id: string): Promise<void> {
  const { status } = await api.call('POST', '/connections', {
    body: {
      provider_config_key: integration,
      connection_id: id,
      credentials: { type: 'API_KEY', apiKey: 'upstream-key' },
      connection_config: { baseUrl: upstream.url },
      metadata: { team: 'blue' },
    },
  });
  expect(status).toBe(201);
}

beforeAll(async () => {
  cwd = await folders.create();
  await initProject(cwd);
  for (const key of ['task-tracker', 'team-chat'])
    await api.call('POST', '/integrations', { body: { unique_key: key, provider: 'tracker' } });
  await addConnection('task-tracker', 'acme');
  await addConnection('team-chat', 'acme');
});

beforeEach(() => {
  upstream.handleWith(({ url }) =>
    url.startsWith('/tasks')
      ? { json: { tasks: TASKS, next_cursor: null } }
      : { json: { ok: true, ts: '1.1', channel: 'general' } },
  );
});

test('a sync runs through the proxy and shows what it would save and delete; nothing is stored', async () => {
  const { code, stdout, stderr } = await dryrun('tasks', 'acme');
  expect(stdout).toBe(
    [
      "Dry run of sync 'tasks' for connection 'acme': 1 request.",
      'Task: 1 to save, 1 to delete',
      '  save {"id":"t1","title":"One","done":false,"assignee":"Ada","updated_at":"2026-01-01T00:00:00.000Z"}',
      '  delete {"id":"t2"}',
      'Nothing was stored.',
      '',
    ].join('\n'),
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'info 1 tasks saved, 1 deleted\n' });
  expect(upstream.requests).toHaveLength(1);
  expect(upstream.requests[0]).toMatchObject({
    url: '/tasks?limit=100',
    headers: { authorization: 'Bearer upstream-key' },
  });
  expect((await api.db.query('select count(*)::int as n from records')).rows).toEqual([{ n: 0 }]);
});

test('-l makes the run incremental from that date', async () => {
  await dryrun('tasks', 'acme', '-l', '2026-01-31');
  expect(upstream.requests[0]?.url).toBe('/tasks?limit=100&updated_since=2026-01-31T00%3A00%3A00.000Z');
});

test('--variant is what the script sees, and whose records it reads', async () => {
  const body =
    "  await nango.log(nango.variant);\n  await nango.log((await nango.getRecordsByIds<string>(['a'], 'Task')).size);";
  const own = await dryrunScript(body, '--variant', 'emea');
  expect([own.code, own.stderr]).toEqual([0, 'info emea\ninfo 0\n']);
  expect((await dryrunScript(body)).stderr).toContain('info base\n');
  expect((await dryrunScript(body, '--variant', 'a/b')).code).toBe(12);
});

test('--diagnostics tells the time, the calls and the limits beside the result', async () => {
  const { code, stdout, stderr } = await dryrun('tasks', 'acme', '--json', '--diagnostics');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ requests: 1 });
  expect(stderr).toMatch(
    /^Diagnostics: \d+\.\d\d s, \d+ calls of nango, 1 request; within 256 MB of memory and 10 s of CPU between two calls\.$/m,
  );
});

test('an action gets its input and its output stands alone on stdout', async () => {
  const { code, stdout } = await dryrun('post-message', 'acme', '--input', '{"channel":"general","text":"Grüße"}');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ ok: true, ts: '1.1' });
  expect(upstream.requests[0]).toMatchObject({ method: 'POST', url: '/chat/postMessage' });
  expect(JSON.parse(String(upstream.requests[0]?.body))).toEqual({ channel: 'general', text: 'Grüße' });
});

test('--input @file reads the file from where the command runs', async () => {
  await writeFile(join(cwd, 'input.json'), '{"channel":"c","text":"from a file"}');
  expect((await dryrun('post-message', 'acme', '--input', '@input.json')).code).toBe(0);
  expect(JSON.parse(String(upstream.requests[0]?.body))).toMatchObject({ text: 'from a file' });
});

test('--json answers counts, rows and ids for machines', async () => {
  const { stdout } = await dryrun('tasks', 'acme', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    requests: 1,
    models: { Task: { counts: { added: 1, updated: 0, deleted: 0 }, saved: [{ id: 't1' }], deleted: ['t2'] } },
  });
});

const script = (body: string) =>
  `import { NangoSync } from './models';\nexport default async function fetchData(nango: NangoSync) {\n${body}\n}\n`;

async function dryrunScript(body: string, ...argv: readonly string[]) {
  const own = await folders.create();
  await initProject(own, { 'tasks.ts': script(body) });
  const env = { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key };
  return runCli(['dryrun', 'tasks', 'acme', ...argv], { cwd: own, env });
}

test.each([
  ['throws', "  throw new Error('on purpose');", /^tasks\.ts:3:9: .*on purpose.*\(script_failed\)/],
  ['saves null', "  await nango.batchSave([null as any], 'Task');", /^tasks\.ts:3:\d+: .*\(record_invalid\)/],
  ['saves without id', "  await nango.batchSave([{ title: 'x' } as any], 'Task');", /id/],
  ['saves a model it does not declare', "  await nango.batchSave([{ id: '1' }], 'Other');", /'Other'/],
  ['never ends', '  await new Promise(() => {});', /tasks\.ts/],
])('a script that %s is 12 with file, line and cause', async (_what, body, message) => {
  const { code, stdout, stderr } = await dryrunScript(body);
  expect(code).toBe(12);
  expect(stdout).toBe('');
  expect(stderr).toMatch(message);
});

test('lists are paged by what the provider says of them', async () => {
  upstream.answerWith({ json: { tasks: [{ id: '1' }], next_cursor: 'c' } }, { json: { tasks: [{ id: '2' }] } });
  const { code, stdout } = await dryrunScript(
    "  for await (const page of nango.paginate({ endpoint: '/pages' })) await nango.batchSave(page as any, 'Task');",
  );
  expect(code).toBe(0);
  expect(stdout).toContain('2 requests.');
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/pages', '/pages?cursor=c']);
});

test('an answer of 404 is an error with a response, and an API out of reach is one without', async () => {
  upstream.answerWith({ status: 404, json: { problem: 'gone' } });
  const answered = await dryrunScript(
    "  const error = await nango.get({ endpoint: '/x' }).catch((e: any) => e);\n  await nango.log(error.response.status, error.response.data.problem);",
  );
  expect(answered.stderr).toContain('info 404 gone');
  upstream.handleWith(() => ({ breaks: 'at once' }));
  const broken = await dryrunScript(
    "  const error = await nango.get({ endpoint: '/x' }).catch((e: any) => e);\n  await nango.log(String(error.response), error.code);",
  );
  expect(broken.stderr).toBe('info undefined upstream_unreachable\n');
});

test('U087: calls carry method, query, headers and body as in production', async () => {
  const { code } = await dryrunScript(
    "  await nango.put({ endpoint: 'a b/c?x=1#f', params: { y: [1, 2] }, headers: { 'X-Own': 'v' }, data: { deep: [1.0] } });",
  );
  expect(code).toBe(0);
  expect(upstream.requests[0]).toMatchObject({
    method: 'PUT',
    url: '/a%20b/c?x=1&y=1&y=2',
    headers: { 'x-own': 'v', 'content-type': 'application/json' },
  });
  expect(String(upstream.requests[0]?.body)).toBe('{"deep":[1]}');
});

test("an endpoint cannot climb out of the proxy to the server's other routes", async () => {
  const { code } = await dryrunScript("  await nango.get({ endpoint: '../../connections' });");
  expect(code).toBe(0);
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/connections']);
});

test('metadata is read from the connection, replaced by -m, and never written', async () => {
  const body =
    '  await nango.log(await nango.getMetadata());\n  await nango.updateMetadata({ x: 1 });\n  await nango.log(await nango.getMetadata());';
  expect((await dryrunScript(body)).stderr).toMatch(/info {"team":"blue"}[\s\S]*info {"team":"blue","x":1}/);
  expect((await dryrunScript(body, '-m', '{"team":"red"}')).stderr).toContain('info {"team":"red"}');
  const connection = await api.call('GET', '/connections/acme?provider_config_key=task-tracker');
  expect(connection.body.metadata).toEqual({ team: 'blue' });
});

test('-c is the checkpoint that the script finds, as JSON or from a file, and -m may be a file as well', async () => {
  const body = `  const found = await nango.getCheckpoint();
  await nango.log('found', found);
  await nango.saveCheckpoint({ page: Number(found?.page ?? 0) + 1 });
  await nango.log('then', await nango.getCheckpoint(), (await nango.getMetadata()).team);`;
  const own = await folders.create();
  await initProject(own, { 'tasks.ts': script(body) });
  await writeFile(join(own, 'checkpoint.json'), '{"page":7,"done":false}');
  await writeFile(join(own, 'metadata.json'), '{"team":"green"}');
  const env = { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key };
  const logged = async (...argv: readonly string[]) =>
    (await runCli(['dryrun', 'tasks', 'acme', ...argv], { cwd: own, env })).stderr;
  expect(await logged()).toBe('info found null\ninfo then {"page":1} blue\n');
  expect(await logged('-c', '{"page":3}')).toBe('info found {"page":3}\ninfo then {"page":4} blue\n');
  expect(await logged('--checkpoint', '@checkpoint.json', '-m', '@metadata.json')).toBe(
    'info found {"page":7,"done":false}\ninfo then {"page":8} green\n',
  );
});

test('-e chooses the environment whose key and connections are used', async () => {
  const env = { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key, NANGO_SECRET_KEY_PROD: api.otherKey };
  const { code, stderr } = await runCli(['dryrun', 'tasks', 'acme', '-e', 'prod'], { cwd, env });
  expect([code, stderr]).toEqual([12, expect.stringMatching(/'acme'|'task-tracker'/)]);
  expect((await runCli(['dryrun', 'tasks', 'acme', '-e', 'dev'], { cwd, env })).code).toBe(0);
});

test('--validate is 12 for records that do not fit their model, naming record and field', async () => {
  const body =
    "  await nango.batchSave([{ id: 'a', title: 7, done: true, assignee: null, updated_at: 'x' } as any], 'Task');";
  const warned = await dryrunScript(body);
  expect([warned.code, warned.stderr]).toEqual([
    0,
    "warn record 'a' does not fit model 'Task': at 'title' it must be string; record 'a' does not fit model 'Task': at 'updated_at' it must match format \"date-time\"\n",
  ]);
  const { code, stderr } = await dryrunScript(body, '--validate');
  expect(code).toBe(12);
  expect(stderr).toBe(
    "Task 'a': 'title' is 7: expected string\nTask 'a': 'updated_at' is \"x\": expected Date | string\n",
  );
});

test('the last of equal ids counts, with a warning', async () => {
  const row = (title: string) => `{ id: 'a', title: '${title}', done: true, assignee: null, updated_at: '2026-01-01' }`;
  const { stdout, stderr } = await dryrunScript(`  await nango.batchSave([${row('old')}, ${row('new')}], 'Task');`);
  expect(stdout).toContain('Task: 1 to save, 0 to delete\n  save {"id":"a","title":"new"');
  expect(stderr).toContain("warn batchSave of 'Task': id 'a' occurs more than once");
});

test('a mistake in the script is 10; one in a script that is not run is left for later', async () => {
  expect((await dryrunScript('  nango.nope();')).code).toBe(10);
  const own = await folders.create();
  await initProject(own, { 'post-message.ts': 'export default async function runAction(nango: Nobody) {}\n' });
  const env = { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key };
  expect((await runCli(['dryrun', 'tasks', 'acme'], { cwd: own, env })).code).toBe(0);
});

test.each([
  [['nope', 'acme'], /No script 'nope' in the project: expected one of 'tasks', 'post-message'/],
  [['tasks', 'nobody'], /'nobody'/],
  [['tasks', 'acme', '--input', 'hello'], /--input is no JSON.*'"hello"'/],
  [['tasks', 'acme', '--input', '@nowhere.json'], /nowhere\.json' of --input cannot be read/],
  [['tasks', 'acme', '-m', '[1]'], /--metadata is no JSON object/],
  [['tasks', 'acme', '-c', '{"page":{}}'], /Key 'page' of --checkpoint: expected a text/],
  [['tasks', 'acme', '-l', 'yesterday-ish'], /'yesterday-ish' of --lastSyncDate is none/],
  [['tasks', 'acme', '--integration-id', 'team-chat'], /'team-chat' has no such script: expected 'task-tracker'/],
  [['tasks', 'acme', '-e', 'prod'], /NANGO_SECRET_KEY_PROD/],
])('dryrun %j is 12 and says what is expected', async (argv, message) => {
  const { code, stderr } = await dryrun(...argv);
  expect(code).toBe(12);
  expect(stderr).toMatch(message);
});

test('a script of several integrations runs for the one that has the connection, or asks which', async () => {
  const own = await folders.create();
  const manifest = 'integrations:\n  task-tracker: &scripts\n    shared:\n      type: action\n  team-chat: *scripts\n';
  await initProject(own, {
    'nango.yaml': manifest,
    'shared.ts': 'export default async function runAction(nango: any) { return nango.providerConfigKey; }\n',
    'tasks.ts': null,
    'post-message.ts': null,
  });
  await addConnection('team-chat', 'only-chat');
  const run = (...argv: string[]) =>
    runCli(['dryrun', 'shared', ...argv], {
      cwd: own,
      env: { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key },
    });
  expect((await run('only-chat')).stdout).toBe('"team-chat"\n');
  expect((await run('acme', '--integration-id', 'task-tracker')).stdout).toBe('"task-tracker"\n');
  expect((await run('acme')).stderr).toContain("pass --integration-id, one of 'task-tracker', 'team-chat'");
  expect((await run('nobody')).stderr).toContain('is in none of the integrations that have the script');
});
