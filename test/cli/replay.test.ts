import { appendFile, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { type CliResult, runCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { type RecordedScript, useRecordedRuns } from '../support/recorded-run.ts';

const api = useApi();
const folders = useFolders();
const record = useRecordedRuns(api);

const call = (cwd: string) => ({ cwd, env: { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY: api.key } });
const NOTE = 'The journal is of version 0.0.0-test, this is 0.1.0: a script may notice the difference.\n';

/** Replays, and takes out of stderr what is noted each time: the API of the tests has a version of its own. */
async function replay(runId: string, flags: readonly string[] = [], cwd?: string): Promise<CliResult> {
  const result = await runCli(['replay', runId, ...flags], call(cwd ?? (await folders.create())));
  return { ...result, stderr: result.stderr.replace(NOTE, '') };
}

/** Fails at the row without an owner on page 2, in line 6. */
const PAGED = `export default async function fetchData(nango: any) {
  for (let page = 0; ; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, params: { page } });
    const rows = data.rows.map((row: any) => ({
      id: row.id,
      owner: row.owner.name,
    }));
    await nango.batchSave(rows, 'Task');
    await nango.log('page ' + page + ' at ' + new Date().toISOString());
  }
}
`;
const pages: RecordedScript['answer'] = ({ endpoint }) => {
  const page = Number(endpoint.split('/').at(-1));
  return { rows: [{ id: `a${page}`, owner: page === 2 ? null : { name: 'Ann' } }] };
};
const FIXED = PAGED.replace('row.owner.name', 'row.owner?.name ?? null');

/** A project whose `tasks.ts` of that integration is this source. */
async function projectWith(integration: string, source: string): Promise<string> {
  const folder = await initProject(await folders.create(), { 'tasks.ts': source });
  const manifest = await readFile(join(folder, 'nango.yaml'), 'utf8');
  await writeFile(join(folder, 'nango.yaml'), manifest.replace('task-tracker:', `${integration}:`));
  return folder;
}

test('a failed run is replayed to the same error, with its calls, its log and what it would save', async () => {
  const runId = await record('fails', { source: PAGED, answer: pages });
  const { code, stdout, stderr } = await replay(runId);
  expect(code).toBe(12);
  expect(stdout.split('\n')).toEqual([
    `Replay of run ${runId}: sync 'tasks' for connection 'c1', as it was deployed.`,
    '    0  GET /pages/0 {"params":{"page":0}} → 200, 45 bytes',
    '    1  batchSave Task, 1 row',
    '       info page 0 at 2026-01-01T00:00:02.000Z',
    '    3  GET /pages/1 {"params":{"page":1}} → 200, 45 bytes',
    '    4  batchSave Task, 1 row',
    '       info page 1 at 2026-01-01T00:00:05.000Z',
    '    6  GET /pages/2 {"params":{"page":2}} → 200, 35 bytes',
    'Task: 2 to save, 0 to delete',
    '  save {"id":"a0","owner":"Ann"}',
    '  save {"id":"a1","owner":"Ann"}',
    'The journal ends here: the run failed with the same error.',
    '',
  ]);
  expect(stderr).toMatch(/^tasks\.ts:6:24: Sync 'tasks' failed in tasks\.ts:6:24: TypeError: .*\(script_failed\)\n$/);
});

test('--json answers calls, log, models and the end', async () => {
  const runId = await record('as-json', { source: PAGED, answer: pages });
  const { code, stdout } = await replay(runId, ['--json']);
  expect([code, JSON.parse(stdout)]).toEqual([
    12,
    {
      run: expect.objectContaining({ id: runId, state: 'failed' }),
      code: 'deployed',
      calls: expect.arrayContaining([{ number: 4, kind: 'saveRecords', call: 'batchSave Task, 1 row', answer: '' }]),
      logs: [{ level: 'info', message: expect.stringContaining('page 0') }, expect.objectContaining({ level: 'info' })],
      models: { Task: expect.objectContaining({ counts: { added: 2, updated: 0, deleted: 0 } }) },
      end: { kind: 'failed', same: true, error: expect.objectContaining({ code: 'script_failed' }) },
    },
  ]);
});

test('random numbers, the clock, timers and the order of parallel answers are those of the run', async () => {
  const source = `export default async function runAction(nango: any, input: any) {
  const begun = Date.now();
  const seen: unknown[] = [];
  await Promise.all([3, 1, 2].map(async (n) => {
    await new Promise((resolve) => setTimeout(resolve, n));
    await nango.get({ endpoint: '/' + n, params: { begun, random: Math.random(), id: crypto.randomUUID() } });
    seen.push([n, Date.now() - begun]);
  }));
  return { seen, input, random: Math.random() };
}
`;
  const runId = await record('seeded', { source, kind: 'action', input: { from: 'here' } });
  const [first, second] = [await replay(runId), await replay(runId)];
  expect([first.code, first.stderr]).toEqual([0, '']);
  expect(first.stdout).toMatch(/setTimeout 3 ms[\s\S]*"from": "here"[\s\S]*The script ended. The run ended as success/);
  expect(second.stdout).toBe(first.stdout);
});

test('as many calls are under way as there were then', async () => {
  const source = `export default async function runAction(nango: any) {
  return (await Promise.all(Array.from({ length: 50 }, (_, n) => nango.get({ endpoint: '/' + n })))).length;
}
`;
  const last = Promise.withResolvers<void>();
  const answer: RecordedScript['answer'] = async ({ endpoint }) => {
    if (endpoint === '/49') return last.resolve();
    await last.promise;
    await new Promise(setImmediate);
  };
  const runId = await record('parallel', { source, kind: 'action', answer });
  expect((await replay(runId)).stdout).toContain('\n50\nThe script ended.');
});

test('a fixed script is tried against the recorded answers until it asks for what nobody recorded', async () => {
  const runId = await record('fixed', { source: PAGED, answer: pages });
  const chatty = FIXED.replace('const rows', "await nango.log('new line');\n    const rows");
  const folder = await projectWith('fixed', chatty);
  const { code, stdout, stderr } = await replay(runId, ['--code', 'local'], folder);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('with the script of this folder');
  expect(stdout.match(/new line/g)).toHaveLength(3);
  expect(stdout).toContain('       info page 2 at 2026-01-01T00:00:07.000Z\n');
  expect(stdout).toContain('  save {"id":"a2","owner":null}\n');
  expect(stdout).toMatch(/The journal ends here, before GET \/pages\/3 \{.*\}: the run failed with tasks.ts:6:24/);
});

test('a script that asks for something else goes another way, and both are named', async () => {
  const runId = await record('other', { source: PAGED, answer: pages });
  const folder = await projectWith('other', FIXED.replace('params: { page }', 'params: { page, more: page > 0 }'));
  const { code, stderr } = await replay(runId, ['--code', 'local'], folder);
  expect(code).toBe(12);
  expect(stderr).toMatch(/call 0 was GET \/pages\/0 \{"params":\{"page":0\}\} and is GET .*"more":false/);
});

test('a script that asks for less goes another way', async () => {
  const runId = await record('less', { source: PAGED, answer: pages });
  const folder = await projectWith('less', FIXED.replace('; ; page++', '; page < 1; page++'));
  const { code, stderr } = await replay(runId, ['--code', 'local'], folder);
  expect(code).toBe(12);
  expect(stderr).toMatch(/call 3 was GET \/pages\/1 .*, and this time the script did not make it/);
});

const WITH_TOKEN = `export default async function fetchData(nango: any) {
  const { credentials } = await nango.getConnection();
  const { data } = await nango.get({
    endpoint: '/whoami?key=' + credentials.apiKey,
    headers: { authorization: 'Basic ' + Buffer.from(credentials.apiKey + ':').toString('base64') },
  });
  await nango.batchSave([{ id: data.name, key: credentials.apiKey }], 'Task');
  SIGNED
  throw new Error('as ever');
}
`;

test('masked credentials make no other way of a script that passes them on', async () => {
  const source = WITH_TOKEN.replace('SIGNED', '');
  const credentials = { apiKey: 'key of c1' };
  const runId = await record('masked', { source, credentials, answer: () => ({ name: 'Ann' }) });
  const { code, stdout, stderr } = await replay(runId);
  expect([code, stderr]).toEqual([12, expect.stringContaining('as ever')]);
  expect(stdout).toContain('GET /whoami?key=(masked credentials.apiKey) → 200');
  expect(stdout + stderr).not.toContain('key of c1');
});

test('where a script computes something from a credential, the replay says that it is masked', async () => {
  const source = WITH_TOKEN.replace('SIGNED', "await nango.get({ endpoint: '/' + credentials.apiKey.length });");
  const runId = await record('signed', {
    source,
    credentials: { apiKey: 'key of c1' },
    answer: () => ({ name: 'Ann' }),
  });
  const { code, stderr } = await replay(runId);
  expect(code).toBe(12);
  expect(stderr).toContain('call 3 was GET /9 and is GET /27 this time. Credentials are masked here');
});

test('a kept journal is replayed without a server, and one that is not whole is refused', async () => {
  const runId = await record('kept', { source: PAGED, answer: pages });
  const cwd = await folders.create();
  const online = await replay(runId, ['--save-journal', 'run.ndjson'], cwd);
  const offline = await runCli(['replay', 'run.ndjson'], { cwd });
  expect(online.stderr).toContain("Wrote the journal to 'run.ndjson'.");
  expect([offline.code, offline.stdout]).toEqual([12, online.stdout]);
  expect(offline.stderr).toContain(NOTE);
  const file = join(cwd, 'run.ndjson');
  expect((await stat(file)).mode & 0o077).toBe(0);
  await truncate(file, (await stat(file)).size - 20);
  const cut = await runCli(['replay', 'run.ndjson'], { cwd });
  expect([cut.code, cut.stderr]).toEqual([
    12,
    "'run.ndjson' ends in the middle, after 6 whole lines: fetch it again.\n",
  ]);
  await writeFile(file, '{"format":"of tomorrow"}\n');
  expect((await runCli(['replay', 'run.ndjson'], { cwd })).stderr).toContain("has format 'of tomorrow'");
  await appendFile(join(dirname(file), 'text.txt'), 'no journal\n');
  expect((await runCli(['replay', 'text.txt'], { cwd })).stderr).toContain('is no journal');
});

test('what the server refuses, and a script that the folder does not have, is named', async () => {
  expect((await replay('nope')).stderr).toContain("Unknown run 'nope'");
  const runId = await record('elsewhere', { source: PAGED, answer: pages });
  const folder = await projectWith('somewhere', FIXED);
  const { code, stderr } = await replay(runId, ['--code', 'local'], folder);
  expect([code, stderr]).toEqual([12, expect.stringContaining("no sync 'tasks' of integration 'elsewhere'")]);
});
