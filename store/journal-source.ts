import type { ScriptBundle } from '../contract/script.ts';
import type { Queryable } from './db.ts';
import type { JournalPlace } from './journal.ts';

/** What it takes to run a script again that has ended: besides its journal, all that it was given. */
export type JournalSource = JournalPlace & {
  readonly environment: string;
  readonly environmentId: string;
  readonly provider: string;
  readonly sealedCredentials: string;
  readonly models: readonly string[] | null;
  readonly bundle: ScriptBundle | null;
  readonly sealedSeed: string;
  readonly lastSyncDate: Date | null;
  readonly input: string | null;
  /** The time the script saw at its first line; null when it never ran. */
  readonly beginsAt: Date | null;
  /** What the last generation wrote, and what is there of it. */
  readonly journalBytes: number;
  readonly keptBytes: number;
  readonly chunks: number;
};

export async function journalSource(db: Queryable, runId: string): Promise<JournalSource | undefined> {
  const result = await db.query<JournalSource>(
    `select r.id as "runId", r.generation, e.name as environment, e.id::text as "environmentId", i.provider, c.credentials as "sealedCredentials",
       (select s.models from scripts s where s.id = r.script_id) as models,
       (select jsonb_build_object('hash', coalesce(b.code_hash, b.hash), 'code', b.code, 'sourceMap', b.source_map, 'file', b.file)
        from bundles b where b.hash = r.bundle_hash) as bundle,
       r.seed as "sealedSeed", r.last_sync_date as "lastSyncDate", r.input,
       coalesce(r.generation_at, r.started_at) as "beginsAt", r.journal_bytes::float8 as "journalBytes",
       kept.bytes as "keptBytes", kept.chunks
     from runs r
       join environments e on e.id = r.environment_id
       join connections c on c.id = r.connection_id
       join integrations i on i.id = c.integration_id
       cross join lateral (
         select coalesce(sum(octet_length(j.data)), 0)::float8 as bytes, count(*)::int as chunks
         from journal_chunks j where j.run_id = r.id and j.generation = r.generation
       ) kept
     where r.id = $1::text`,
    [runId],
  );
  return result.rows[0];
}
