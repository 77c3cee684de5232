/** The store alone: what the engine's own functions write, beside Postgres's `COPY` of the same bytes. */
import { hash, randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as newRunId } from 'uuid';
import type { Closing } from '../runtime/closing.ts';
import { saveConnection } from '../store/connections.ts';
import { type Database, openDatabase, withTransaction } from '../store/db.ts';
import { ensureEnvironment } from '../store/environments.ts';
import { settleIdentity } from '../store/identity.ts';
import { createIntegration } from '../store/integrations.ts';
import { migrate } from '../store/migrate.ts';
import { type RecordWrite, saveRecords } from '../store/records.ts';
import { addRun, beginAttempt } from '../store/runs.ts';
import { saveBundle, saveScript } from '../store/scripts.ts';
import { createSecretBox } from '../store/secret-box.ts';
import { addSync, dueSyncs } from '../store/syncs.ts';

export type BenchWriter = Omit<RecordWrite, 'ids' | 'at'>;
export type Row = { readonly id: string; readonly text: string };

/**
 * A database of its own on the server, in which no engine looks after runs. Its sync is of connection `store`.
 * `name` is a constant: it is no parameter to Postgres.
 */
export async function openStore(serverUrl: string, closing: Closing, name: 'small' | 'store'): Promise<Database> {
  const server = openDatabase(serverUrl, { max: 1, onLost: () => undefined });
  await server.query(`create database bench_${name}`);
  await server.end();
  const url = new URL(serverUrl);
  url.pathname = `/bench_${name}`;
  const db = openDatabase(url.href, { max: 12, onLost: () => undefined });
  closing.add('the store', () => db.end());
  await migrate(db);
  await settleIdentity(db);
  const at = new Date();
  const { id: environmentId } = await ensureEnvironment(db, 'bench', at);
  const names = { environmentId, uniqueKey: 'bench', provider: 'bench', displayName: null, sealedCredentials: null };
  const { id: integrationId } = await createIntegration(db, { ...names, at });
  const connection = { connectionId: 'store', sealedCredentials: '', connectionConfig: {}, metadata: undefined };
  const { id: connectionRow } = await saveConnection(db, { environmentId, integrationId, ...connection, at });
  const bundleHash = await saveBundle(db, { hash: 'none', file: 'rows.ts', code: '', sourceMap: '' }, at);
  const scriptId = await saveScript(db, { environmentId, integrationId, bundleHash, ...SCRIPT, at });
  const address = { environment: 'bench', integration: 'bench', connection: 'store', sync: 'rows', variant: 'base' };
  await addSync(db, environmentId, { ...address, connectionRow, scriptId, autoStart: false }, at);
  return db;
}

const SCRIPT = {
  kind: 'sync',
  syncType: 'full',
  validation: 'off',
  ...{ name: 'rows', version: '1', source: null, description: null, models: ['Row'] },
  ...{ runs: 'every day', intervalMs: 86_400_000, trackDeletes: false, deletionGuard: 1 },
  ...{ autoStart: false, inputModel: null, jsonSchema: undefined, webhookSubscriptions: [] },
} as const;

/** A run of the deployed sync of that connection which has begun, so that it may write. */
export async function beginWriter(db: Database, connectionId: string, model: string): Promise<BenchWriter> {
  const syncs = await dueSyncs(db, 100);
  const sync = syncs.find((one) => one.connectionId === connectionId);
  if (sync === undefined) throw new Error(`Connection '${connectionId}' has no sync`);
  const runId = newRunId();
  await addRun(db, {
    ...sync,
    id: runId,
    syncId: sync.id,
    kind: 'sync',
    startedBy: 'api',
    workflowId: `bench:${runId}`,
    workflowRunId: null,
    sealedSeed: createSecretBox(randomBytes(32).toString('base64')).seal('0'),
    input: null,
    at: new Date(),
  });
  const attempt = await beginAttempt(db, { runId, workflowRunId: runId, at: new Date() });
  if (attempt === undefined) throw new Error('The writer did not begin');
  return { runId, fence: attempt.fence, syncId: sync.id, connectionRow: sync.connectionRow, model, variant: 'base' };
}

/** Rows of some 1 KB of JSON; `version` makes their content another one. */
export function rowsOf(from: number, count: number, version = 0, bytes = 1_000, idOf = idInOrder): Row[] {
  return Array.from({ length: count }, (_, at) => {
    const id = idOf(from + at);
    const fixed = {
      id,
      number: from + at,
      version,
      tags: ['one', 'two', 'three'],
      owner: { name: `Owner ${at}`, age: 41 },
    };
    const text = JSON.stringify({ ...fixed, description: '' });
    return { id, text: JSON.stringify({ ...fixed, description: filler(from + at, bytes - text.length) }) };
  });
}

function idInOrder(at: number): string {
  return `record-${String(at).padStart(9, '0')}`;
}

/** An id that may belong anywhere among the others. */
export function idAtRandom(at: number): string {
  return hash('sha256', String(at)).slice(0, 24);
}

export function batchesOf(from: number, rows: number, size: number, version = 0, idOf = idInOrder): Row[][] {
  return Array.from({ length: Math.ceil(rows / size) }, (_, at) =>
    rowsOf(from + at * size, size, version, 1_000, idOf),
  );
}

const WORDS = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt '.split(' ');

function filler(seed: number, length: number): string {
  let text = '';
  for (let n = seed; text.length < length; n = (n * 48_271 + 11) % 2_147_483_647) text += `${WORDS[n % WORDS.length]} `;
  return text.slice(0, Math.max(0, length));
}

/** Seconds to save the batches, one transaction each, `writers` of them at a time, each with a model of its own. */
export async function saveAll(
  db: Database,
  writers: readonly BenchWriter[],
  batches: readonly (readonly Row[])[],
): Promise<number> {
  const prepared = batches.map((rows) => ({ ids: rows.map(({ id }) => id), texts: rows.map(({ text }) => text) }));
  const begun = performance.now();
  await Promise.all(
    writers.map(async (writer) => {
      for (const { ids, texts } of prepared) {
        await withTransaction(db, (tx) => saveRecords(tx, { ...writer, ids, at: new Date() }, texts));
      }
    }),
  );
  return (performance.now() - begun) / 1000;
}

/** Seconds to `COPY` the batches, one transaction each, into a table with the columns and indexes of `records`. */
export async function copyAll(db: Database, batches: readonly (readonly Row[])[]): Promise<number> {
  await db.query('drop table if exists bench_copy');
  await db.query('create table bench_copy (like records including defaults)');
  await db.query('alter table bench_copy add primary key (head_id, id)');
  await db.query('create unique index on bench_copy (head_id, seq)');
  return copyInto(db, { table: 'bench_copy', headId: '1', firstSeq: 0 }, batches);
}

/** Seconds to `COPY` the batches, one transaction each, beside the rows that the model of `writer` has. */
export async function copyBeside(
  db: Database,
  { connectionRow, model }: BenchWriter,
  batches: readonly (readonly Row[])[],
): Promise<number> {
  const { rows } = await db.query<{ head_id: string; seq: string }>(
    `select h.id as head_id, max(r.seq) as seq from record_heads h join records r on r.head_id = h.id
     where h.connection_id = $1 and h.model = $2 group by h.id`,
    [connectionRow, model],
  );
  const [head] = rows;
  if (head === undefined) throw new Error(`Model '${model}' has no rows`);
  return copyInto(db, { table: 'records', headId: head.head_id, firstSeq: Number(head.seq) + 1 }, batches);
}

type CopyTarget = { readonly table: 'bench_copy' | 'records'; readonly headId: string; readonly firstSeq: number };

async function copyInto(db: Database, target: CopyTarget, batches: readonly (readonly Row[])[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-bench-copy-'));
  await chmod(folder, 0o755);
  try {
    const files = await Promise.all(
      batches.map(async (rows, at) => {
        const file = join(folder, String(at));
        const first = target.firstSeq + at * rows.length;
        await writeFile(file, rows.map((row, n) => copyLine(row, target.headId, first + n)).join(''));
        return file;
      }),
    );
    const begun = performance.now();
    for (const file of files) {
      await db.query(
        `copy ${target.table} (head_id, seq, first_seen_at, last_modified_at, id, last_action, payload) from '${file}'`,
      );
    }
    return (performance.now() - begun) / 1000;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function copyLine({ id, text }: Row, headId: string, seq: number): string {
  const at = '2026-01-01T00:00:00Z';
  return `${[headId, seq, at, at, id, 'ADDED', text.replaceAll('\\', '\\\\')].join('\t')}\n`;
}

const PRELOADED_AT_ONCE = 100_000;

/**
 * Fills a connection's records up to some number, server-side. Their ids are spread over all hexadecimal digits as
 * random ones would be, but are written in order, which is what makes millions of them affordable.
 */
export async function preload(db: Database, writer: BenchWriter, rows: number, bytes = 1_000): Promise<void> {
  const [first] = rowsOf(0, 1, 0, bytes);
  await saveAll(db, [writer], [[first as Row]]);
  for (let from = 1; from < rows; from += PRELOADED_AT_ONCE) {
    await db.query(
      `with head as (
         update record_heads set seq = seq + $5::bigint, live = live + $5::bigint
         where connection_id = $1::bigint and model = $2::text and variant = 'base'
         returning id, seq - $5::bigint as seq
       )
       insert into records (head_id, seq, first_seen_at, last_modified_at, id, last_action, payload)
       select head.id, head.seq + n, now(), now(), spread.id, 'ADDED', jsonb_set($3::jsonb, '{id}', to_jsonb(spread.id))
       from head, generate_series(1, $5::int) n,
         lateral (select lpad(to_hex(($4::bigint + n) * (4294967296 / $6::bigint)), 8, '0') || '-preloaded' as id) spread`,
      [writer.connectionRow, writer.model, first?.text, from, Math.min(PRELOADED_AT_ONCE, rows - from), rows],
    );
  }
  await db.query('analyze records');
}
