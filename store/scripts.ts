/** Deployed scripts and their compiled bundles. */
import { createHash } from 'node:crypto';
import type { OnEvent } from '../contract/on-events.ts';
import type { ScriptBundle } from '../contract/script.ts';
import { onlyRow, type Queryable } from './db.ts';

/** On-event scripts go by their event. */
export type ScriptKind = 'sync' | 'action' | OnEvent;

/** What becomes of saved records that differ from their model. */
export const VALIDATION_MODES = ['off', 'warn', 'error'] as const;
export type ValidationMode = (typeof VALIDATION_MODES)[number];

/** What its author says of a script. Frequencies (an interval in milliseconds) and kinds of syncs are of syncs only. */
export type ScriptTerms = {
  readonly kind: ScriptKind;
  readonly name: string;
  readonly description: string | null;
  readonly models: readonly string[];
  readonly runs: string | null;
  readonly intervalMs: number | null;
  readonly syncType: 'full' | 'incremental' | null;
  readonly trackDeletes: boolean;
  readonly deletionGuard: number;
  readonly validation: ValidationMode;
  readonly autoStart: boolean;
  readonly inputModel: string | null;
  /** Types of webhooks it handles, `*` for all. */
  readonly webhookSubscriptions: readonly string[];
};

export type Script = ScriptTerms & {
  readonly id: string;
  readonly integrationId: string;
  readonly providerConfigKey: string;
  readonly version: string;
  /** Its bundle, by all that the bundle holds. */
  readonly bundleHash: string;
  /** Of the bundle's code alone. */
  readonly codeHash: string;
  readonly deployedAt: Date;
  /** How many connections run it (syncs) or may call it (actions). */
  readonly connections: number;
};

const SELECT = `select s.id::text, s.integration_id::text as "integrationId", i.unique_key as "providerConfigKey",
    s.kind, s.name, s.version, s.bundle_hash as "bundleHash",
    (select coalesce(b.code_hash, b.hash) from bundles b where b.hash = s.bundle_hash) as "codeHash", s.description, s.models, s.runs,
    s.interval_ms::float8 as "intervalMs", s.sync_type as "syncType", s.track_deletes as "trackDeletes",
    s.deletion_guard as "deletionGuard", s.validation,
    s.auto_start as "autoStart", s.input_model as "inputModel", s.webhook_subscriptions as "webhookSubscriptions", s.deployed_at as "deployedAt",
    (select count(*)::int from connections c where c.integration_id = s.integration_id) as connections
  from scripts s join integrations i on i.id = s.integration_id`;

export async function listScripts(db: Queryable, environmentId: string): Promise<Script[]> {
  const result = await db.query<Script>(
    `${SELECT} where s.environment_id = $1::bigint order by i.unique_key, s.kind desc, s.name`,
    [environmentId],
  );
  return result.rows;
}

export async function findScript(
  db: Queryable,
  address: { environmentId: string; providerConfigKey: string; kind: ScriptKind; name: string },
): Promise<Script | undefined> {
  const result = await db.query<Script>({
    name: 'find-script',
    text: `${SELECT}
      where i.environment_id = $1::bigint and i.unique_key = $2::text and s.kind = $3::text and s.name = $4::text`,
    values: [address.environmentId, address.providerConfigKey, address.kind, address.name],
  });
  return result.rows[0];
}

/**
 * Stores the bundle, unless it is there, and answers the hash it goes by: of all that it holds. Two environments that deploy
 * the same code from other files have two bundles, or the errors of one would show the files of the other.
 */
export async function saveBundle(db: Queryable, bundle: ScriptBundle, at: Date): Promise<string> {
  const hash = bundleHashOf(bundle);
  await db.query(
    `insert into bundles (hash, code_hash, file, code, source_map, created_at)
     values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::timestamptz)
     on conflict (hash) do nothing`,
    [hash, bundle.hash, bundle.file, bundle.code, bundle.sourceMap, at],
  );
  return hash;
}

export function bundleHashOf({ hash, file, sourceMap }: ScriptBundle): string {
  return createHash('sha256')
    .update(JSON.stringify([hash, file, sourceMap]))
    .digest('hex');
}

/** @param hash of all that the bundle holds */
export async function findBundle(db: Queryable, hash: string): Promise<ScriptBundle | undefined> {
  const result = await db.query<ScriptBundle>(
    `select coalesce(code_hash, hash) as hash, file, code, source_map as "sourceMap" from bundles where hash = $1::text`,
    [hash],
  );
  return result.rows[0];
}

/** A script as a deployment brings it. */
export type ScriptDefinition = ScriptTerms & {
  readonly environmentId: string;
  readonly integrationId: string;
  readonly version: string;
  readonly bundleHash: string;
  readonly source: string | null;
  readonly jsonSchema: unknown;
  readonly at: Date;
};

/** Adds the script or replaces its definition; its id, and so its syncs, stay. */
export async function saveScript(db: Queryable, script: ScriptDefinition): Promise<string> {
  const result = await db.query<{ id: string }>(
    `insert into scripts (environment_id, integration_id, kind, name, version, bundle_hash, source, description, models,
       runs, interval_ms, sync_type, track_deletes, auto_start, input_model, json_schema, deployed_at,
       deletion_guard, validation, webhook_subscriptions)
     values ($1::bigint, $2::bigint, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text[],
       $10::text, $11::bigint, $12::text, $13::boolean, $14::boolean, $15::text, $16::jsonb, $17::timestamptz,
       $18::double precision, $19::text, $20::text[])
     on conflict on constraint scripts_name do update
       set version = excluded.version, bundle_hash = excluded.bundle_hash, source = excluded.source,
           description = excluded.description, models = excluded.models, runs = excluded.runs,
           interval_ms = excluded.interval_ms, sync_type = excluded.sync_type, track_deletes = excluded.track_deletes,
           auto_start = excluded.auto_start, input_model = excluded.input_model, json_schema = excluded.json_schema,
           deployed_at = excluded.deployed_at, deletion_guard = excluded.deletion_guard,
           validation = excluded.validation, webhook_subscriptions = excluded.webhook_subscriptions
     returning id::text`,
    [
      script.environmentId,
      script.integrationId,
      script.kind,
      script.name,
      script.version,
      script.bundleHash,
      script.source,
      script.description,
      script.models,
      script.runs,
      script.intervalMs,
      script.syncType,
      script.trackDeletes,
      script.autoStart,
      script.inputModel,
      script.jsonSchema === undefined ? null : JSON.stringify(script.jsonSchema),
      script.at,
      script.deletionGuard,
      script.validation,
      script.webhookSubscriptions,
    ],
  );
  return onlyRow(result, 'saveScript').id;
}

/** Gives a script of the same code what else has changed: where the lines of its bundle come from. */
export async function saveSource(
  db: Queryable,
  script: Pick<ScriptDefinition, 'bundleHash' | 'source'> & { readonly id: string },
): Promise<void> {
  await db.query(`update scripts set bundle_hash = $2::text, source = $3::text where id = $1::bigint`, [
    script.id,
    script.bundleHash,
    script.source,
  ]);
}

/** Removes scripts with their syncs; records and runs stay. */
export async function deleteScripts(db: Queryable, ids: readonly string[]): Promise<void> {
  await db.query(`delete from scripts where id = any($1::bigint[])`, [ids]);
}

/** The models of a script as JSON Schema, as JSON text; undefined when it was deployed without. */
export async function schemaOfScript(db: Queryable, scriptId: string): Promise<string | undefined> {
  const result = await db.query<{ schema: string | null }>(
    `select json_schema::text as schema from scripts where id = $1::bigint`,
    [scriptId],
  );
  return result.rows[0]?.schema ?? undefined;
}

/** The script's TypeScript as it was deployed; null where only its bundle was sent. */
export async function sourceOfScript(db: Queryable, scriptId: string): Promise<string | null> {
  const result = await db.query<{ source: string | null }>(`select source from scripts where id = $1::bigint`, [
    scriptId,
  ]);
  return result.rows[0]?.source ?? null;
}

/** The models that the syncs of an integration declare. */
export async function declaredModels(db: Queryable, integrationId: string): Promise<string[]> {
  const result = await db.query<{ model: string }>(
    `select distinct unnest(models) as model from scripts
     where integration_id = $1::bigint and kind = 'sync'
     order by model`,
    [integrationId],
  );
  return result.rows.map((row) => row.model);
}

/** The same for the integration of a connection. */
export async function declaredModelsOf(db: Queryable, connectionRow: string): Promise<string[]> {
  const result = await db.query<{ integrationId: string }>(
    `select integration_id::text as "integrationId" from connections where id = $1::bigint`,
    [connectionRow],
  );
  const row = result.rows[0];
  return row === undefined ? [] : declaredModels(db, row.integrationId);
}

export type ActionTarget = {
  readonly connectionRow: string | null;
  readonly scriptId: string | null;
  readonly bundleHash: string | null;
};

/** Connection and action of an integration in one look; undefined when there is no such integration. */
export async function findActionTarget(
  db: Queryable,
  address: { environmentId: string; providerConfigKey: string; connectionId: string; action: string },
): Promise<ActionTarget | undefined> {
  const result = await db.query<ActionTarget>({
    name: 'find-action-target',
    text: `select c.id::text as "connectionRow", s.id::text as "scriptId", s.bundle_hash as "bundleHash"
      from integrations i
        left join connections c on c.integration_id = i.id and c.connection_id = $3::text and c.accepted
        left join scripts s on s.integration_id = i.id and s.kind = 'action' and s.name = $4::text
      where i.environment_id = $1::bigint and i.unique_key = $2::text`,
    values: [address.environmentId, address.providerConfigKey, address.connectionId, address.action],
  });
  return result.rows[0];
}

/** The scripts of an integration that run for this event, by name. */
export async function scriptsOfEvent(
  db: Queryable,
  integrationId: string,
  event: OnEvent,
): Promise<Pick<Script, 'id' | 'name' | 'bundleHash'>[]> {
  const result = await db.query<Pick<Script, 'id' | 'name' | 'bundleHash'>>({
    name: 'scripts-of-event',
    text: `select id::text, name, bundle_hash as "bundleHash" from scripts
      where integration_id = $1::bigint and kind = $2::text order by name`,
    values: [integrationId, event],
  });
  return result.rows;
}
