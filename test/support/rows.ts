/** Rows a store test stands on: an environment with an integration, a connection, deployed scripts and begun runs. */
import { randomBytes } from 'node:crypto';
import { allocateSyncRun } from '../../store/allocation.ts';
import { saveConnection } from '../../store/connections.ts';
import type { Queryable } from '../../store/db.ts';
import { ensureEnvironment } from '../../store/environments.ts';
import { createIntegration } from '../../store/integrations.ts';
import type { RecordWrite } from '../../store/records.ts';
import { beginAttempt } from '../../store/runs.ts';
import { type ScriptDefinition, saveBundle, saveScript } from '../../store/scripts.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import { addSync, listSyncs, type Sync } from '../../store/syncs.ts';

export const START = new Date('2026-01-01T00:00:00.000Z');
export const allocating = { box: createSecretBox(randomBytes(32).toString('base64')), clock: () => START };

export type SeededConnection = {
  readonly environmentId: string;
  readonly integrationId: string;
  readonly connectionRow: string;
};

/** Connection `c1` of integration `tracker` in an environment of that name. */
export async function seedConnection(db: Queryable, environment: string): Promise<SeededConnection> {
  const { id: environmentId } = await ensureEnvironment(db, environment, START);
  const { id: integrationId } = await createIntegration(db, {
    environmentId,
    uniqueKey: 'tracker',
    provider: 'acme',
    displayName: null,
    sealedCredentials: null,
    at: START,
  });
  const { id: connectionRow } = await saveConnection(db, {
    environmentId,
    integrationId,
    connectionId: 'c1',
    sealedCredentials: 'v1:none',
    connectionConfig: {},
    metadata: undefined,
    at: START,
  });
  return { environmentId, integrationId, connectionRow };
}

export async function seedScript(
  db: Queryable,
  { environmentId, integrationId }: Pick<SeededConnection, 'environmentId' | 'integrationId'>,
  changes: Partial<ScriptDefinition> = {},
): Promise<string> {
  const bundleHash = await saveBundle(db, { hash: 'h1', file: 'a.ts', code: 'code', sourceMap: '' }, START);
  return saveScript(db, {
    environmentId,
    integrationId,
    kind: 'sync',
    name: 'tasks',
    version: '1',
    bundleHash,
    source: null,
    description: null,
    models: ['Task'],
    runs: 'every hour',
    intervalMs: 3_600_000,
    syncType: 'incremental',
    trackDeletes: false,
    deletionGuard: 0.5,
    validation: 'warn',
    autoStart: true,
    inputModel: null,
    jsonSchema: undefined,
    webhookSubscriptions: [],
    at: START,
    ...changes,
  });
}

/** The sync `tasks` of the connection. */
export async function seedSync(db: Queryable, environment: string): Promise<Sync> {
  const seeded = await seedConnection(db, environment);
  const scriptId = await seedScript(db, seeded);
  const address = { environment, integration: 'tracker', connection: 'c1', sync: 'tasks', variant: 'base' };
  await addSync(db, seeded.environmentId, { ...address, ...seeded, scriptId, autoStart: true }, START);
  const [sync] = await listSyncs(db, {
    environmentId: seeded.environmentId,
    providerConfigKey: null,
    connectionId: null,
    names: null,
  });
  if (sync === undefined) throw new Error('The seeded sync is not there');
  return sync;
}

/** A sync `second` of the same connection that saves the same model. */
export async function seedSecondSync(db: Queryable, first: Sync): Promise<Sync> {
  const { environmentId, environment, connectionRow } = first;
  const found = await db.query<{ id: string }>(
    `select integration_id::text as id from connections where id = $1::bigint`,
    [connectionRow],
  );
  const scriptId = await seedScript(db, { environmentId, integrationId: found.rows[0]?.id ?? '' }, { name: 'second' });
  const address = { environment, integration: 'tracker', connection: 'c1', sync: 'second', variant: 'base' };
  await addSync(db, environmentId, { ...address, connectionRow, scriptId, autoStart: true }, START);
  const filter = { environmentId, providerConfigKey: null, connectionId: null, names: ['second'] };
  const [sync] = await listSyncs(db, filter);
  if (sync === undefined) throw new Error('The second sync is not there');
  return sync;
}

/** A run of the sync whose script has begun; what its writes carry. */
export async function seedRun(db: Queryable, sync: Sync): Promise<Omit<RecordWrite, 'ids' | 'at'>> {
  const { runId } = await allocateSyncRun(db, allocating, sync, 'api');
  const attempt = await beginAttempt(db, { runId, workflowRunId: `w-${runId}`, at: START });
  if (attempt === undefined) throw new Error('The seeded run did not begin');
  const { connectionRow } = sync;
  return { runId, fence: attempt.fence, connectionRow, model: 'Task', variant: 'base', syncId: sync.id };
}
