/** Where the records of a run differ from their models. */
import type { Violation } from '../contract/violation.ts';
import type { Queryable } from './db.ts';

/** Adds to what was counted before. */
export async function addViolations(db: Queryable, runId: string, violations: readonly Violation[]): Promise<void> {
  await db.query(
    `insert into run_violations as v (run_id, model, path, message, records, example_id)
     select $1::text, x.model, x.path, x.message, x.records, x."exampleId"
     from jsonb_to_recordset($2::jsonb)
       as x (model text, path text, message text, records bigint, "exampleId" text)
     on conflict (run_id, model, path, message) do update set records = v.records + excluded.records`,
    [runId, JSON.stringify(violations)],
  );
}

/** The most frequent violations of a run. */
export async function violationsOf(db: Queryable, runId: string): Promise<Violation[]> {
  const result = await db.query<Violation>(
    `select model, path, message, records::float8 as records, example_id as "exampleId"
     from run_violations where run_id = $1::text
     order by records desc, model, path, message
     limit 100`,
    [runId],
  );
  return result.rows;
}
