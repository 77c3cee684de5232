/** What is kept of a run while it may have to go on elsewhere: chunks of answers, and calls without one. */
import type { PendingCall } from '../contract/host.ts';

import type { Queryable } from './db.ts';

export type JournalPlace = { readonly runId: string; readonly generation: number };

/** What a chunk is sealed under, so that one which was moved does not open. */
export function chunkName({ runId, generation, chunk }: JournalPlace & { readonly chunk: number }): string {
  return `journal:${runId}:${generation}:${chunk}`;
}

/** One chunk, numbered from 0; undefined behind the last. */
export async function journalChunk(
  db: Queryable,
  place: JournalPlace & { readonly chunk: number },
): Promise<Buffer | undefined> {
  const result = await db.query<{ data: Buffer }>(
    `select data from journal_chunks where run_id = $1::text and generation = $2::int and chunk = $3::int`,
    [place.runId, place.generation, place.chunk],
  );
  return result.rows[0]?.data;
}

export async function journalChunkCount(db: Queryable, place: JournalPlace): Promise<number> {
  const result = await db.query<{ count: number }>(
    `select count(*)::int as count from journal_chunks where run_id = $1::text and generation = $2::int`,
    [place.runId, place.generation],
  );
  return result.rows[0]?.count ?? 0;
}

/** Notes calls that are about to go on the wire or wait for their next attempt. */
export async function savePendingCalls(
  db: Queryable,
  place: JournalPlace,
  calls: readonly PendingCall[],
): Promise<void> {
  if (calls.length === 0) return;
  const rows = calls.map((call) => ({
    ...call,
    args_hash: call.argsHash,
    resume_at: call.resumeAt === null ? null : new Date(call.resumeAt).toISOString(),
  }));
  await db.query({
    name: 'save-pending-calls',
    text: `insert into journal_calls (run_id, generation, number, args_hash, attempt, state, resume_at, what, harmless)
      select $1::text, $2::int, x.number, x.args_hash, x.attempt, x.state, x.resume_at, x.what, x.harmless
      from jsonb_to_recordset($3::jsonb)
        as x (number int, args_hash text, attempt int, state text, resume_at timestamptz, what text, harmless boolean)
      on conflict (run_id, generation, number) do update
        set attempt = excluded.attempt, state = excluded.state, resume_at = excluded.resume_at`,
    values: [place.runId, place.generation, JSON.stringify(rows)],
  });
}

/** Notes that calls have their answer: harmless ones are forgotten, the others kept as done. */
export async function notePendingAnswered(
  db: Queryable,
  place: JournalPlace,
  numbers: readonly number[],
): Promise<void> {
  if (numbers.length === 0) return;
  await db.query({
    name: 'note-pending-answered',
    text: `with forgotten as (
        delete from journal_calls
        where run_id = $1::text and generation = $2::int and number = any($3::int[]) and harmless
      )
      update journal_calls set state = 'done'
      where run_id = $1::text and generation = $2::int and number = any($3::int[]) and not harmless`,
    values: [place.runId, place.generation, numbers],
  });
}

/** What this pass of the script did, or may have done, to the world and would do again: `POST /tasks`. */
export async function unrepeatableCalls(db: Queryable, place: JournalPlace): Promise<string[]> {
  const result = await db.query<{ what: string }>(
    `select what from journal_calls
     where run_id = $1::text and generation = $2::int and state in ('intended', 'done') and not harmless
     order by number`,
    [place.runId, place.generation],
  );
  return result.rows.map((row) => row.what);
}

export async function pendingCalls(db: Queryable, place: JournalPlace): Promise<PendingCall[]> {
  const result = await db.query<Omit<PendingCall, 'resumeAt'> & { resumeAt: Date | null }>(
    `select number, args_hash as "argsHash", attempt, state, resume_at as "resumeAt", what, harmless
     from journal_calls
     where run_id = $1::text and generation = $2::int and state <> 'done'
     order by number`,
    [place.runId, place.generation],
  );
  return result.rows.map((row) => ({ ...row, resumeAt: row.resumeAt?.getTime() ?? null }));
}

/** Removes what is kept of a run, all generations of it. */
export async function dropJournal(db: Queryable, runId: string): Promise<void> {
  await db.query({
    name: 'drop-journal',
    text: `with chunks as (delete from journal_chunks where run_id = $1::text)
      delete from journal_calls where run_id = $1::text`,
    values: [runId],
  });
}
