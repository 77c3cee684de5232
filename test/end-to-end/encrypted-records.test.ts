/** Payloads sealed at rest (NANGO_ENCRYPT_RECORDS), through the whole platform: nobody who calls it can tell. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runCli } from '../support/cli.ts';
import { runSync, usePlatform } from '../support/platform.ts';
import { messages, recordScripts, scriptOf, type StoredRecord } from '../support/record-scripts.ts';

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)].map((bytes) => bytes.toString('base64')) as [
  string,
  string,
];
const platform = usePlatform({ NANGO_ENCRYPT_RECORDS: 'true', NANGO_ENCRYPTION_KEY: oldKey });
const { deploy, read, run } = recordScripts(platform);
const ROTATE = fileURLToPath(new URL('../../platform/rotate-key.ts', import.meta.url));
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nango-test-encrypted-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const actions = (records: readonly StoredRecord[]) =>
  records.map(({ id, word, _nango_metadata: { last_action } }) => [id, word, last_action]);

/** Every table that holds a word, in the clear or as the bytes of it. */
async function tablesWith(word: string): Promise<string[]> {
  const { pool } = platform.database;
  const tables = await pool.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c
     where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace order by 1`,
  );
  const found: string[] = [];
  for (const { name } of tables.rows) {
    const { rows } = await pool.query(
      `select from ${name} t where strpos(t::text, $1::text) > 0 or strpos(t::text, encode($1::bytea, 'hex')) > 0 limit 1`,
      [word],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}

test('what a sync saved is read, filtered, merged and deleted as ever, and stands nowhere in the database', async () => {
  const {
    run: ended,
    records,
    sync,
  } = await run(
    'secret',
    `const word = ['tre', 'asure'].join('');
     await nango.batchSave([{ id: 'a', word, n: 1 }, { id: 'b', word, n: 1 }, { id: 'c', word, n: 1 }], 'Task');
     await nango.batchUpdate([{ id: 'b', n: 2 }], 'Task');
     await nango.batchDelete([{ id: 'c' }], 'Task');
     const found = await nango.getRecordsByIds(['a', 'b'], 'Task');
     let listed = 0;
     for await (const record of nango.listRecords('Task')) if (record.word === word) listed += 1;
     await nango.log([...found.values()].filter((record) => record.word === word).length + ' ' + listed);`,
  );
  expect(ended).toMatchObject({ state: 'success', counts: { Task: { added: 3, updated: 1, deleted: 1 } } });
  expect(messages(ended)).toEqual(['info 2 3']);
  const all = [
    ['a', 'treasure', 'ADDED'],
    ['b', 'treasure', 'UPDATED'],
    ['c', 'treasure', 'DELETED'],
  ];
  expect(actions(records)).toEqual(all);
  expect(records[1]).toMatchObject({ n: 2 });
  for (const [at, filter] of ['added', 'updated', 'deleted'].entries()) {
    expect(actions(await read(sync, `&filter=${filter}`))).toEqual([all[at]]);
  }
  expect(actions(await read(sync, `&ids=b&cursor=${records[0]?._nango_metadata.cursor}`))).toEqual([all[1]]);
  expect(await tablesWith('treasure')).toEqual([]);
}, 60_000);

test('a second fetch of the same changes nothing, and a full refresh deletes what is gone', async () => {
  const body = (ids: string) =>
    `await nango.batchSave(${ids}.map((id) => ({ id, word: ['jew', 'els'].join('') })), 'Task');`;
  const options = { trackDeletes: true, deletionGuard: 1 };
  const { sync } = await run('refresh', body(`['a', 'b']`), options);
  expect((await runSync(platform, sync)).counts).toEqual({ Task: { added: 0, updated: 0, deleted: 0 } });
  await deploy('refresh', body(`['a']`), options);
  expect((await runSync(platform, sync)).counts).toEqual({ Task: { added: 0, updated: 0, deleted: 1 } });
  expect(actions(await read(sync))).toEqual([
    ['a', 'jewels', 'ADDED'],
    ['b', 'jewels', 'DELETED'],
  ]);
  expect(await tablesWith('jewels')).toEqual([]);
}, 60_000);

test('a dry run looks into what is stored', async () => {
  await run('dry', `await nango.batchSave([{ id: 'a', word: ['dia', 'mond'].join(''), n: 1 }], 'Task');`);
  await writeFile(
    join(folder, 'nango.yaml'),
    `integrations:\n  task-tracker:\n    dry:\n      runs: every day\n      returns: [Task]\nmodels:\n  Task:\n    id: string\n    word: string\n    n: integer\n`,
  );
  await writeFile(
    join(folder, 'dry.ts'),
    scriptOf(`await nango.log(JSON.stringify((await nango.getRecordsByIds(['a'], 'Task')).get('a')?.word));`),
  );
  const { stdout, stderr, code } = await runCli(['dryrun', 'dry', 'dry', '-e', 'dev'], {
    cwd: folder,
    env: { NANGO_HOSTPORT: platform.caller.apiUrl, NANGO_SECRET_KEY_DEV: platform.caller.key },
  });
  expect([code, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining('diamond')]);
}, 60_000);

test('npm run rotate-key, killed in the middle, goes on when started again; then the old key is not needed', async () => {
  const { sync, records } = await run(
    'many',
    `await nango.batchSave(Array.from({ length: 4000 }, (_, n) => ({ id: 'r' + n, word: 'gold' })), 'Task');`,
  );
  const sealedWith = async () => {
    const { rows } = await platform.database.pool.query<{ key: string }>(
      `select encode(substr(r.sealed, 1, 4), 'hex') as key, count(*)::int as count
       from records r join record_heads h on h.id = r.head_id join connections c on c.id = h.connection_id
       where c.connection_id = 'many' group by 1 order by 2`,
    );
    return rows;
  };
  const [old] = await sealedWith();
  expect(old).toMatchObject({ count: 4_000 });
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: platform.database.url,
    NANGO_ENCRYPTION_KEY: newKey,
    NANGO_ENCRYPTION_KEY_PREVIOUS: oldKey,
    NANGO_ENCRYPT_RECORDS: 'true',
  };
  const rotate = () => spawn(process.execPath, [ROTATE], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  // A row that another transaction holds keeps it in the middle until it is killed.
  const holder = await platform.database.pool.connect();
  await holder.query(`begin`);
  await holder.query(`select from records where id = 'r2500' for update`);
  const killed = rotate();
  for await (const chunk of killed.stdout) if (String(chunk).includes('records: 500')) killed.kill('SIGKILL');
  await holder.query(`rollback`);
  holder.release();
  const between = await sealedWith();
  expect(between).toHaveLength(2);
  const again = rotate();
  again.stdout.resume();
  expect(await once(again, 'exit')).toEqual([0, null]);
  expect(await sealedWith()).toEqual([{ key: expect.not.stringContaining(old?.key ?? ''), count: 4_000 }]);
  await platform.stop();
  const { database, temporal } = platform;
  await platform.start({}, { databaseUrl: database.url, temporal, encryptionKey: newKey });
  expect(await read(sync)).toEqual(records);
}, 120_000);
