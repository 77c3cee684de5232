import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { type Database, openDatabase, withTransaction } from '../../store/db.ts';
import { beginEpoch, settleIdentity } from '../../store/identity.ts';
import { headOf } from '../../store/record-heads.ts';
import { pageOfRecords } from '../../store/record-reads.ts';
import { type RecordWrite, saveRecords } from '../../store/records.ts';
import { useDatabase } from '../support/database.ts';
import { seedRun, seedSync, START } from '../support/rows.ts';

const database = useDatabase();

async function seed(): Promise<Omit<RecordWrite, 'ids'>> {
  const sync = await seedSync(database.pool, randomUUID());
  return { ...(await seedRun(database.pool, sync)), at: START };
}
const save = (db: Database, run: Omit<RecordWrite, 'ids'>, ids: readonly string[], n = 0) =>
  withTransaction(db, (tx) =>
    saveRecords(
      tx,
      { ...run, ids },
      ids.map((id) => JSON.stringify({ id, n })),
    ),
  );
const read = async (db: Database, run: Omit<RecordWrite, 'ids'>, afterSeq = '0') => {
  const headId = (await headOf(db, run)) ?? '';
  return pageOfRecords(db, { headId, afterSeq, actions: null, ids: null, limit: 1_000, maxBytes: 1e9 });
};

test('the same copy goes on with its numbers', async () => {
  const run = await seed();
  await settleIdentity(database.pool);
  await save(database.pool, run, ['a']);
  await Promise.all(Array.from({ length: 5 }, () => settleIdentity(database.pool)));
  await save(database.pool, run, ['b']);
  expect((await read(database.pool, run)).map(({ seq }) => seq)).toEqual(['1', '2']);
});

test('CUR: after a copy is restored no number is given out twice, and a reader with a later cursor skips nothing', async () => {
  const run = await seed();
  await settleIdentity(database.pool);
  await save(database.pool, run, ['a', 'b']);
  const restored = await copyOf(database.url);
  const original = database.pool;
  try {
    // The reader sees changes that the copy never had.
    await save(original, run, ['c', 'd'], 1);
    const cursor = (await read(original, run)).at(-1)?.seq ?? '';
    await settleIdentity(restored.pool);
    await settleIdentity(restored.pool);
    await save(restored.pool, run, ['e', 'c'], 2);
    const news = await read(restored.pool, run, cursor);
    expect(news.map(({ payload }) => JSON.parse(payload))).toEqual([
      { id: 'e', n: 2 },
      { id: 'c', n: 2 },
    ]);
    expect(BigInt(news[0]?.seq ?? 0) >> 38n).toBeGreaterThan(0n);
  } finally {
    await restored.drop();
  }
});

test('CUR: a model whose first record came after the copy begins above what readers of the original have seen', async () => {
  const run = await seed();
  await settleIdentity(database.pool);
  const restored = await copyOf(database.url);
  try {
    await save(database.pool, run, ['a', 'b', 'c']);
    const cursor = (await read(database.pool, run)).at(-1)?.seq ?? '';
    await settleIdentity(restored.pool);
    await save(restored.pool, run, ['d']);
    expect(await read(restored.pool, run, cursor)).toHaveLength(1);
  } finally {
    await restored.drop();
  }
});

test('CUR: epochs grow with the time, so that two copies of one dump begin different ones', async () => {
  await settleIdentity(database.pool);
  await beginEpoch(database.pool);
  const { rows } = await database.pool.query<{ epoch: string; minutes: string }>(
    `select epoch::text, floor(extract(epoch from now() - timestamptz '2026-01-01T00:00:00Z') / 60)::text as minutes
     from store_identity`,
  );
  expect(Number(rows[0]?.epoch)).toBeGreaterThanOrEqual(Number(rows[0]?.minutes) - 1);
});

test('CUR: a new epoch that is asked for numbers above all that were given out on the same copy', async () => {
  const run = await seed();
  await settleIdentity(database.pool);
  await save(database.pool, run, ['a', 'b']);
  const last = BigInt((await read(database.pool, run)).at(-1)?.seq ?? 0);
  await beginEpoch(database.pool);
  await save(database.pool, run, ['c']);
  const [news] = await read(database.pool, run, String(last));
  expect(BigInt(news?.seq ?? 0) >> 38n).toBeGreaterThan(last >> 38n);
});

test('a role that is no superuser can tell which copy it is', async () => {
  const role = `plain_${randomUUID().replaceAll('-', '')}`;
  const admin = database.open(1);
  await admin.query(`create role ${role} login password 'x'`);
  await admin.query(`grant all on all tables in schema public to ${role}`);
  const url = new URL(database.url);
  url.username = role;
  url.password = 'x';
  const plain = openDatabase(url.href, { max: 1, onLost: () => undefined });
  try {
    await settleIdentity(plain);
    expect((await plain.query('select from store_identity')).rowCount).toBe(1);
  } finally {
    await plain.end();
    await admin.query(`drop owned by ${role}`);
    await admin.query(`drop role ${role}`);
    await admin.end();
  }
});

/** A second database with the same content, as a restored dump is. */
async function copyOf(url: string): Promise<{ pool: Database; drop: () => Promise<void> }> {
  const name = `copy_${randomUUID().replaceAll('-', '')}`;
  const source = new URL(url).pathname.slice(1);
  const server = new URL(url);
  server.pathname = '/postgres';
  const admin = openDatabase(server.href, { max: 1, onLost: () => undefined });
  // A template must have no other connections; the pool opens new ones.
  await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [source]);
  await admin.query(`create database ${name} template ${source}`);
  server.pathname = `/${name}`;
  const pool = openDatabase(server.href, { max: 2, onLost: () => undefined });
  return {
    pool,
    drop: async () => {
      await pool.end();
      await admin.query(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}
