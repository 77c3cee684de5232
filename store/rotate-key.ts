/** Sealing everything that is stored with the key of today. Each batch is a transaction; a second start goes on. */
import { type Database, withTransaction } from './db.ts';
import { chunkName } from './journal.ts';
import { createRecordSeal } from './record-seal.ts';
import { resealRecords } from './reseal-records.ts';
import type { SecretBox } from './secret-box.ts';

/** Every column that holds envelopes, with what names a row. `test/store/rotate-key.test.ts` looks for forgotten ones. */
const SEALED = [
  { table: 'integrations', key: 'id', column: 'credentials' },
  { table: 'connections', key: 'id', column: 'credentials' },
  { table: 'sign_ins', key: 'hash', column: 'luggage' },
  { table: 'runs', key: 'id', column: 'seed' },
  { table: 'runs', key: 'id', column: 'calls' },
  { table: 'environment_variables', key: 'id', column: 'value' },
  { table: 'webhook_settings', key: 'environment_id', column: 'signing_key' },
] as const;

const BATCH = 200;

/**
 * Seals anew what another key of the box sealed, while everything else goes on working: processes must have both keys.
 * Payloads of records are sealed or opened as `encryptsRecords` says.
 * `onBatch` hears how many of a table were done. Throws `configuration_invalid` for an envelope of a key it does not have.
 */
export async function rotateKey(
  db: Database,
  box: SecretBox,
  options: {
    readonly encryptsRecords?: boolean;
    readonly onBatch?: (table: string, rows: number) => void;
  } = {},
): Promise<number> {
  const { encryptsRecords = false, onBatch = () => undefined } = options;
  let total = 0;
  for (const place of SEALED) {
    for (let rows = BATCH; rows > 0; total += rows) {
      rows = await resealBatch(db, box, place);
      if (rows > 0) onBatch(place.table, rows);
    }
  }
  total += await resealJournals(db, box, onBatch);
  const seal = createRecordSeal(box, encryptsRecords);
  return total + (await resealRecords(db, seal, (rows) => onBatch('records', rows)));
}

function resealBatch(db: Database, box: SecretBox, { table, key, column }: (typeof SEALED)[number]): Promise<number> {
  return withTransaction(db, async (transaction) => {
    const found = await transaction.query<{ key: unknown; sealed: string }>(
      `select ${key} as key, ${column} as sealed from ${table}
       where ${column} like 'v1:%' and not starts_with(${column}, $1::text)
       order by ${key} limit $2::int for update`,
      [`v1:${box.keyId}:`, BATCH],
    );
    for (const row of found.rows) {
      await transaction.query(`update ${table} set ${column} = $2::text where ${key} = $1`, [
        row.key,
        box.seal(box.open(row.sealed)),
      ]);
    }
    return found.rows.length;
  });
}

type Chunk = { readonly runId: string; readonly generation: number; readonly chunk: number; readonly data: Buffer };

/** Chunks of journals do not show their key: each is tried. They are few, since a run that ends well drops its own. */
async function resealJournals(
  db: Database,
  box: SecretBox,
  onBatch: (table: string, rows: number) => void,
): Promise<number> {
  let total = 0;
  let after: Pick<Chunk, 'runId' | 'generation' | 'chunk'> = { runId: '', generation: 0, chunk: -1 };
  for (;;) {
    const page = await db.query<Chunk>(
      `select run_id as "runId", generation, chunk, data from journal_chunks
       where (run_id, generation, chunk) > ($1::text, $2::int, $3::int)
       order by run_id, generation, chunk limit 20`,
      [after.runId, after.generation, after.chunk],
    );
    let rows = 0;
    for (const row of page.rows) rows += await resealChunk(db, box, row);
    if (rows > 0) onBatch('journal_chunks', rows);
    total += rows;
    const last = page.rows.at(-1);
    if (last === undefined) return total;
    after = last;
  }
}

async function resealChunk(db: Database, box: SecretBox, row: Chunk): Promise<number> {
  const name = chunkName(row);
  if (box.isSealedAnew(row.data, name)) return 0;
  const result = await db.query(
    `update journal_chunks set data = $4::bytea
     where run_id = $1::text and generation = $2::int and chunk = $3::int and data = $5::bytea`,
    [row.runId, row.generation, row.chunk, box.sealBytes(box.openBytes(row.data, name), name), row.data],
  );
  return result.rowCount ?? 0;
}
