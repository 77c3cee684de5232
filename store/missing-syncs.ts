/** The syncs that connections lack, and their first runs: of a deployment to thousands of connections in a few statements. */
import { randomBytes } from 'node:crypto';
import type { AllocatedRun } from '../contract/engine.ts';
import { scheduleId, syncWorkflowId } from '../contract/ids.ts';
import { type Allocating, runIdAt } from './allocation.ts';
import type { Queryable } from './db.ts';
import { addSyncs, type NewSync } from './syncs.ts';

/** Rows in one statement. */
const AT_ONCE = 1_000;

type Missing = NewSync & { readonly bundleHash: string };

/**
 * Gives connections the deployed syncs they lack (one connection, or all of the environment with null) and allocates
 * the first run of each that starts by itself. One without `auto_start` begins paused.
 */
export async function addMissingSyncs(
  db: Queryable,
  deps: Allocating,
  filter: { readonly environmentId: string; readonly connectionRow: string | null },
): Promise<AllocatedRun[]> {
  const runs: AllocatedRun[] = [];
  const missing = await missingSyncs(db, filter);
  for (let from = 0; from < missing.length; from += AT_ONCE) {
    const some = missing.slice(from, from + AT_ONCE);
    const ids = await addSyncs(db, filter.environmentId, some, deps.clock());
    const started = some.flatMap((sync) => {
      const syncId = sync.autoStart ? ids.get(scheduleId(sync)) : undefined;
      return syncId === undefined ? [] : [{ ...sync, syncId }];
    });
    runs.push(...(await addFirstRuns(db, deps, filter.environmentId, started)));
  }
  return runs;
}

async function missingSyncs(
  db: Queryable,
  filter: { readonly environmentId: string; readonly connectionRow: string | null },
): Promise<Missing[]> {
  const result = await db.query<Missing>(
    `select e.name as environment, i.unique_key as integration, c.connection_id as connection, s.name as sync,
       'base' as variant, c.id::text as "connectionRow", s.id::text as "scriptId", s.bundle_hash as "bundleHash",
       s.auto_start as "autoStart"
     from scripts s
       join integrations i on i.id = s.integration_id
       join environments e on e.id = s.environment_id
       join connections c on c.integration_id = s.integration_id
     where s.environment_id = $1::bigint
       and s.kind = 'sync' and c.accepted
       and ($2::bigint is null or c.id = $2::bigint)
       and not exists (
         select from syncs y where y.connection_id = c.id and y.script_id = s.id and y.variant = 'base')
     order by s.id, c.id`,
    [filter.environmentId, filter.connectionRow],
  );
  return result.rows;
}

async function addFirstRuns(
  db: Queryable,
  { box, clock }: Allocating,
  environmentId: string,
  syncs: readonly (Missing & { readonly syncId: string })[],
): Promise<AllocatedRun[]> {
  if (syncs.length === 0) return [];
  const at = clock();
  const runs = syncs.map((sync) => {
    const { environment, integration, connection, sync: name, variant } = sync;
    const address = { environment, integration, connection, sync: name, variant };
    const runId = runIdAt(at);
    return { sync, run: { runId, syncId: sync.syncId, workflowId: syncWorkflowId(address, runId), address } };
  });
  await db.query(
    `insert into runs (id, environment_id, connection_id, script_id, sync_id, kind, name, variant, started_by, state,
       bundle_hash, workflow_id, fence, flushed, seed, requests, created_at)
     select x.id, $1::bigint, x.connection, x.script, x.sync, 'sync', x.name, 'base', 'creation', 'queued',
       x.bundle, x.workflow, 0, 0, x.seed, 0, $2::timestamptz
     from unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[])
       as x (id, connection, script, sync, name, bundle, workflow, seed)`,
    [
      environmentId,
      at,
      runs.map(({ run }) => run.runId),
      runs.map(({ sync }) => sync.connectionRow),
      runs.map(({ sync }) => sync.scriptId),
      runs.map(({ sync }) => sync.syncId),
      runs.map(({ sync }) => sync.sync),
      runs.map(({ sync }) => sync.bundleHash),
      runs.map(({ run }) => run.workflowId),
      runs.map(() => box.seal(randomBytes(32).toString('hex'))),
    ],
  );
  return runs.map(({ run }) => run);
}
