/** Brings stored payloads to what the deployment wants: sealed with the key of today, or plain. */
import { type Database, withTransaction } from './db.ts';
import type { RecordSeal } from './record-seal.ts';

const HEADS_AT_ONCE = 500;
const ROWS_AT_ONCE = 500;

/**
 * Goes through all records, in short transactions under the locks of their heads, while everything else goes on working.
 * Started again after it was cut off, it changes only what is left. Answers how many payloads it changed.
 */
export async function resealRecords(
  db: Database,
  seal: RecordSeal,
  onBatch: (rows: number) => void = () => undefined,
): Promise<number> {
  let total = 0;
  for (let afterHead: string | undefined = '0'; afterHead !== undefined; ) {
    const heads: { readonly id: string }[] = await headsAfter(db, afterHead);
    for (const { id } of heads) {
      for (let afterId: string | undefined = ''; afterId !== undefined; ) {
        const done: Done = await resealPage(db, seal, id, afterId);
        if (done.rows > 0) onBatch(done.rows);
        total += done.rows;
        afterId = done.lastId;
      }
    }
    afterHead = heads.at(-1)?.id;
  }
  return total;
}

async function headsAfter(db: Database, afterId: string): Promise<{ readonly id: string }[]> {
  const result = await db.query<{ id: string }>(
    `select id::text from record_heads where id > $1::bigint order by record_heads.id limit $2::int`,
    [afterId, HEADS_AT_ONCE],
  );
  return result.rows;
}

type Done = { readonly rows: number; readonly lastId: string | undefined };

// Pruned rows have nothing to seal.
const DUE = {
  seal: `(r.sealed is null and r.pruned_at is null) or substr(r.sealed, 1, 4) <> decode($4::text, 'hex')`,
  open: `r.sealed is not null and $4::text is not null`,
} as const;

function resealPage(db: Database, seal: RecordSeal, headId: string, afterId: string): Promise<Done> {
  return withTransaction(db, async (tx) => {
    // As whoever writes records does: row locks taken in another order than theirs could wait for each other.
    await tx.query(`select from record_heads where id = $1::bigint for no key update`, [headId]);
    const found = await tx.query<{ id: string; payload: string; sealed: Buffer | null }>(
      `select r.id, r.payload::text, r.sealed from records r
       where r.head_id = $1::bigint and r.id > $2::text and (${seal.seals ? DUE.seal : DUE.open})
       order by r.id limit $3::int`,
      [headId, afterId, ROWS_AT_ONCE, seal.keyId],
    );
    const ids = found.rows.map(({ id }) => id);
    if (ids.length === 0) return { rows: 0, lastId: undefined };
    const texts = found.rows.map(({ id, payload, sealed }) =>
      sealed === null ? payload : seal.open({ headId, id }, sealed),
    );
    await tx.query(
      `update records r set payload = i.line::jsonb, sealed = i.sealed
       from rows from (unnest($2::text[]), string_to_table($3::text, E'\\n'), unnest($4::bytea[])) as i (id, line, sealed)
       where r.head_id = $1::bigint and r.id = any($2::text[]) and r.id = i.id`,
      [
        headId,
        ids,
        (seal.seals ? ids.map((id) => JSON.stringify({ id })) : texts).join('\n'),
        ids.map((id, at) => (seal.seals ? seal.seal({ headId, id }, texts[at] ?? '') : null)),
      ],
    );
    return { rows: ids.length, lastId: ids.at(-1) };
  });
}
