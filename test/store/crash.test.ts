/** Records and readers across crashes of Postgres, also of one that is set to confirm what it has not written yet. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { untilStored } from '../../activities/store-retry.ts';
import { startPostgres } from '../../platform/postgres.ts';
import { type Database, openDatabase, withTransaction } from '../../store/db.ts';
import { migrate } from '../../store/migrate.ts';
import { headOf } from '../../store/record-heads.ts';
import { pageOfRecords, type RecordRow } from '../../store/record-reads.ts';
import { type RecordWrite, saveRecords } from '../../store/records.ts';
import { freePort } from '../../platform/ports.ts';
import { seedRun, seedSync, START } from '../support/rows.ts';

const never = new AbortController().signal;
let db: Database;

async function withServer(durable: boolean, work: () => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nango-test-crash-'));
  const data = join(folder, 'postgres');
  const server = await startPostgres({ folder: data, port: await freePort(), password: 'x', durable });
  db = openDatabase(server.url, { max: 5, onLost: () => undefined });
  try {
    await migrate(db);
    await work();
  } finally {
    await db.end();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** SIGKILL for a server process: Postgres throws everybody out and recovers from its log. */
async function crash(): Promise<void> {
  const client = await db.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    process.kill(rows[0]?.pid ?? 0, 'SIGKILL');
    await client.query('select 1').catch(() => undefined);
  } finally {
    client.release(true);
  }
}

test.each([
  ['', true],
  [' of a Postgres with synchronous_commit off', false],
])(
  'CUR: a reader that polls sees every change of concurrent writers, across crashes%s, and no number twice',
  (_, durable) => withServer(durable, pollAcrossCrashes),
  120_000,
);

async function pollAcrossCrashes(): Promise<void> {
  const sync = await seedSync(db, 'crashing');
  const seeds = [await seedRun(db, sync), await seedRun(db, sync)];
  const batches = 40;
  const confirmed = new Map<string, number>();
  const write = async (name: string, run: Omit<RecordWrite, 'ids' | 'at'>): Promise<void> => {
    for (let n = 1; n <= batches; n += 1) {
      const ids = [`${name}-${n}`, `shared-${n % 7}`, `${name}-hot`];
      const rows = ids.map((id) => JSON.stringify({ id, by: name, n }));
      const save = () => withTransaction(db, (tx) => saveRecords(tx, { ...run, ids, at: START }, rows));
      await untilStored(save, never);
      confirmed.set(`${name}-hot`, n);
      confirmed.set(`${name}-${n}`, n);
    }
  };
  const seen = new Map<string, string>();
  const state = new Map<string, string>();
  let afterSeq = '0';
  const poll = async (): Promise<number> => {
    const headId = await untilStored(() => headOf(db, { ...seeds[0], model: 'Task' } as RecordWrite), never);
    if (headId === undefined) return -1;
    const page = { headId, afterSeq, actions: null, ids: null, limit: 50, maxBytes: 1e9 };
    const rows: RecordRow[] = await untilStored(() => pageOfRecords(db, page), never);
    for (const { seq, payload } of rows) {
      const { id } = JSON.parse(payload);
      expect(seen.get(seq) ?? payload).toBe(payload);
      seen.set(seq, payload);
      state.set(id, payload);
      afterSeq = seq;
    }
    return rows.length;
  };
  let writing = true;
  const reader = (async () => {
    while (writing || (await poll()) !== 0) await poll();
  })();
  const crashes = (async () => {
    for (let n = 0; n < 3; n += 1) {
      const goal = (n + 1) * (batches / 5);
      while ((confirmed.get('a-hot') ?? 0) < goal && writing) await poll();
      await untilStored(crash, never);
    }
  })();
  await Promise.all([...seeds.map((run, at) => write(at === 0 ? 'a' : 'b', run)), crashes]);
  writing = false;
  await reader;
  const { rows } = await db.query<{ id: string; payload: string; seq: string }>(
    `select id, payload::text, seq::text from records`,
  );
  expect(rows).toHaveLength(2 * batches + 7 + 2);
  expect(Object.fromEntries(state)).toEqual(Object.fromEntries(rows.map(({ id, payload }) => [id, payload])));
  for (const [id, n] of confirmed) expect(JSON.parse(state.get(id) ?? '{}').n).toBe(n);
}
