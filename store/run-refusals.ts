/** Records of a run that Postgres refused for their content. */
import type { Queryable } from './db.ts';

export type Refusal = { readonly model: string; readonly recordId: string; readonly reason: string };

export async function noteRefusal(db: Queryable, refusal: Refusal & { readonly runId: string }): Promise<void> {
  await db.query(
    `insert into run_refusals (run_id, model, record_id, reason) values ($1::text, $2::text, $3::text, $4::text)
     on conflict (run_id, model, record_id) do update set reason = excluded.reason`,
    [refusal.runId, refusal.model, refusal.recordId, refusal.reason],
  );
}

/** The first few of a run's refusals, and how many there are. */
export async function refusalsOf(
  db: Queryable,
  runId: string,
): Promise<{ readonly count: number; readonly first: readonly Refusal[] }> {
  const result = await db.query<Refusal & { count: number }>({
    name: 'refusals-of',
    text: `select model, record_id as "recordId", reason, (count(*) over ())::int as count
      from run_refusals where run_id = $1::text order by model, record_id limit 10`,
    values: [runId],
  });
  return { count: result.rows[0]?.count ?? 0, first: result.rows };
}
