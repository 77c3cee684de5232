import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeEach, expect, test } from '@jest/globals';
import { beginSignIn, createConnectSession, findConnectSession } from '../../store/connect-sessions.ts';
import { connectionById } from '../../store/connections.ts';
import { chunkName, journalChunk } from '../../store/journal.ts';
import { withTransaction } from '../../store/db.ts';
import { createRecordSeal } from '../../store/record-seal.ts';
import { saveRecords } from '../../store/records.ts';
import { resealRecords } from '../../store/reseal-records.ts';
import { replaceVariables } from '../../store/environment-variables.ts';
import { rotateKey } from '../../store/rotate-key.ts';
import { countFlush } from '../../store/runs.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import { DEFAULT_WEBHOOK_SETTINGS, putWebhookSettings } from '../../store/webhook-settings.ts';
import { useDatabase } from '../support/database.ts';
import { START, seedRun, seedSync } from '../support/rows.ts';

const CONNECTIONS = 1_000;

const database = useDatabase();
const [oldKey, newKey] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
const old = createSecretBox(oldKey);
const both = createSecretBox(newKey, [oldKey]);
let environment = 0;
let place = { runId: '', generation: 0, chunk: 0 };
let rows: string[] = [];

// A secret of every kind, sealed with the old key; as many connections as U102 tells of make several batches.
beforeEach(async () => {
  const { pool } = database;
  environment += 1;
  const sync = await seedSync(pool, `e${environment}`);
  const { runId, fence } = await seedRun(pool, sync);
  place = { runId, generation: 0, chunk: 0 };
  await replaceVariables(pool, sync.environmentId, [{ name: 'A', sealedValue: old.seal('a') }]);
  await pool.query('update runs set seed = $1', [old.seal('seed')]);
  await pool.query('update integrations set credentials = $1', [old.seal('{"client_secret":"s"}')]);
  await pool.query('update connections set credentials = $1', [old.seal('{}')]);
  const chunk = { ...place, data: old.sealBytes(Buffer.from('answers'), chunkName(place)) };
  await countFlush(pool, { runId, fence, number: 1, requests: 0, runningMs: 0, chunk });
  const found = await connectionById(pool, sync.connectionRow);
  if (found === undefined) throw new Error('no connection');
  const sealed = Array.from({ length: CONNECTIONS }, (_, index) => old.seal(`secret ${index}`));
  // At once: one by one they would take longer than all that the tests do with them.
  const saved = await pool.query<{ id: string }>(
    `insert into connections
       (environment_id, integration_id, connection_id, credentials, connection_config, metadata, created_at, updated_at)
     select $1::bigint, $2::bigint, 'many-' || at, secret, '{}', '{}', $4::timestamptz, $4::timestamptz
     from unnest($3::text[]) with ordinality as u (secret, at)
     order by at
     returning id::text`,
    [found.environmentId, found.integrationId, sealed, START],
  );
  rows = saved.rows.map(({ id }) => id);
  const webhooks = { box: old, at: START };
  await putWebhookSettings(pool, webhooks, found.environmentId, DEFAULT_WEBHOOK_SETTINGS);
  const token = await createConnectSession(pool, {
    environmentId: found.environmentId,
    wishes: {},
    reconnects: null,
    at: START,
    expiresAt: new Date(START.getTime() + 60_000),
  });
  const session = await findConnectSession(pool, token, START);
  await beginSignIn(pool, `state-${environment}`, {
    environmentId: found.environmentId,
    integrationId: found.integrationId,
    sessionId: session?.id ?? '',
    luggage: old.seal('luggage'),
    at: START,
    expiresAt: new Date(START.getTime() + 60_000),
  });
});

/** Every text anywhere in the database that still is an envelope of that key, as `table.column`. */
async function envelopesOf(keyId: string): Promise<string[]> {
  const columns = await database.pool.query<{ table: string; column: string }>(
    `select c.table_name as table, c.column_name as column
     from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
     where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and c.data_type in ('text', 'jsonb', 'json')`,
  );
  const found: string[] = [];
  for (const { table, column } of columns.rows) {
    const { rowCount } = await database.pool.query(
      `select from "${table}" where strpos("${column}"::text, $1) > 0 limit 1`,
      [`v1:${keyId}:`],
    );
    if (rowCount) found.push(`${table}.${column}`);
  }
  return found;
}

test('U102: everything sealed is sealed anew, and the old key is not needed any more', async () => {
  expect((await envelopesOf(old.keyId)).sort()).toEqual([
    'connections.credentials',
    'environment_variables.value',
    'integrations.credentials',
    'runs.seed',
    'sign_ins.luggage',
    'webhook_settings.signing_key',
  ]);
  const total = await rotateKey(database.pool, both);
  expect(total).toBeGreaterThanOrEqual(CONNECTIONS + 5);
  expect(await envelopesOf(old.keyId)).toEqual([]);
  const alone = createSecretBox(newKey);
  const last = await connectionById(database.pool, rows.at(-1) ?? '');
  expect(alone.open(last?.sealedCredentials ?? '')).toBe(`secret ${CONNECTIONS - 1}`);
  const chunk = await journalChunk(database.pool, place);
  expect(alone.openBytes(chunk ?? Buffer.alloc(0), chunkName(place)).toString()).toBe('answers');
  expect(await rotateKey(database.pool, both)).toBe(0);
});

test('U102: who reads while the key is rotated is never without an answer', async () => {
  let isRotating = true;
  const rotation = rotateKey(database.pool, both).finally(() => {
    isRotating = false;
  });
  let read = 0;
  while (isRotating) {
    const at = read++ % rows.length;
    const found = await connectionById(database.pool, rows[at] ?? '');
    expect(both.open(found?.sealedCredentials ?? '')).toBe(`secret ${at}`);
  }
  await rotation;
  expect(read).toBeGreaterThan(10);
  expect(await envelopesOf(old.keyId)).toEqual([]);
});

test('a rotation that was cut off goes on where it was', async () => {
  const cut = rotateKey(database.pool, both, {
    onBatch: (table) => {
      if (table === 'connections') throw new Error('killed');
    },
  });
  await expect(cut).rejects.toThrow('killed');
  expect(await envelopesOf(old.keyId)).toContain('connections.credentials');
  expect(await envelopesOf(both.keyId)).toContain('connections.credentials');
  await rotateKey(database.pool, both);
  expect(await envelopesOf(old.keyId)).toEqual([]);
});

test('without the old key nothing is lost: it says which key is missing', async () => {
  await expect(rotateKey(database.pool, createSecretBox(newKey))).rejects.toMatchObject({
    code: 'configuration_invalid',
    message: expect.stringContaining(old.keyId),
  });
  expect(await envelopesOf(old.keyId)).toHaveLength(6);
});

test('npm run rotate-key does it by settings alone', async () => {
  const script = fileURLToPath(new URL('../../platform/rotate-key.ts', import.meta.url));
  const run = (environment: Record<string, string>) =>
    promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
      env: { PATH: process.env['PATH'], ...environment },
    });
  const settings = { DATABASE_URL: database.url, NANGO_ENCRYPTION_KEY: newKey };
  await expect(run(settings)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('PREVIOUS') });
  const { stdout } = await run({ ...settings, NANGO_ENCRYPTION_KEY_PREVIOUS: oldKey });
  expect(stdout).toContain(`sealed with key '${both.keyId}'`);
  expect(await envelopesOf(old.keyId)).toEqual([]);
});

test('payloads of records are sealed, sealed anew and opened as the setting says, and go on where that was cut off', async () => {
  const writer = await seedRun(database.pool, await seedSync(database.pool, `records-${environment}`));
  await database.pool.query('update runs set seed = $1', [old.seal('seed')]);
  await database.pool.query('update connections set credentials = $1', [old.seal('{}')]);
  const text = (n: number) => `{"id":"r${n}","word":"treasure"}`;
  const numbers = Array.from({ length: 1_200 }, (_, n) => n);
  const save = (box = both, seals = true) =>
    withTransaction(database.pool, (db) =>
      saveRecords(
        db,
        { ...writer, at: START, ids: numbers.map((n) => `r${n}`), seal: createRecordSeal(box, seals) },
        numbers.map(text),
      ),
    );
  const counts = async () => {
    const { rows } = await database.pool.query(
      `select count(*) filter (where strpos(r::text, 'treasure') > 0)::int as plain,
         count(*) filter (where substr(sealed, 1, 4) = decode($1, 'hex'))::int as old,
         count(*) filter (where substr(sealed, 1, 4) = decode($2, 'hex'))::int as new
       from records r`,
      [old.keyId, both.keyId],
    );
    return rows[0];
  };
  expect(await save(old, false)).toMatchObject({ added: 1_200 });
  await resealRecords(database.pool, createRecordSeal(old, true));
  expect(await counts()).toEqual({ plain: 0, old: 1_200, new: 0 });
  let batches = 0;
  const cut = rotateKey(database.pool, both, {
    encryptsRecords: true,
    onBatch: (table) => {
      if (table === 'records' && ++batches === 2) throw new Error('killed');
    },
  });
  await expect(cut).rejects.toThrow('killed');
  expect(await counts()).toEqual({ plain: 0, old: 200, new: 1_000 });
  await rotateKey(database.pool, both, { encryptsRecords: true });
  expect(await counts()).toEqual({ plain: 0, old: 0, new: 1_200 });
  // Nothing of this is a change to whoever reads or saves.
  expect(await save()).toEqual({ added: 0, updated: 0, deleted: 0 });
  await rotateKey(database.pool, both);
  expect(await counts()).toEqual({ plain: 1_200, old: 0, new: 0 });
  expect(await save()).toEqual({ added: 0, updated: 0, deleted: 0 });
});
