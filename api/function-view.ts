/** Deployed scripts as clients know them: functions of an integration, and the list that tools for models are made of. */
import { findIntegration } from '../store/integrations.ts';
import { listScripts, type Script, schemaOfScript } from '../store/scripts.ts';
import type { ApiDeps } from './deps.ts';

type Schema = {
  readonly definitions?: Readonly<Record<string, { readonly properties?: object; readonly required?: unknown }>>;
};

/** What callers name a script by: they know one type of on-event scripts, whatever the event. */
export function functionType({ kind }: Pick<Script, 'kind'>): 'sync' | 'action' | 'on-event' {
  return kind === 'sync' || kind === 'action' ? kind : 'on-event';
}

/** One function of an integration. */
export async function functionView({ db }: Pick<ApiDeps, 'db'>, script: Script) {
  return {
    id: Number(script.id),
    name: script.name,
    type: functionType(script),
    description: script.description ?? '',
    scopes: [],
    ...(script.inputModel !== null && { input: script.inputModel }),
    returns: script.models,
    json_schema: await schemaOf(db, script),
    ...(script.kind === 'sync' && {
      runs: script.runs,
      auto_start: script.autoStart,
      track_deletes: script.trackDeletes,
    }),
    version: script.version,
    enabled: true,
    last_deployed: script.deployedAt.toISOString(),
    source: 'repo',
  };
}

/** All scripts of an environment by integration. */
export async function scriptsConfig({ db }: Pick<ApiDeps, 'db'>, environmentId: string) {
  const scripts = await listScripts(db, environmentId);
  const keys = [...new Set(scripts.map((script) => script.providerConfigKey))];
  return Promise.all(
    keys.map(async (providerConfigKey) => {
      const own = scripts.filter((script) => script.providerConfigKey === providerConfigKey);
      const of = (kind: Script['kind']) =>
        Promise.all(own.filter((script) => script.kind === kind).map((script) => flowView(db, script)));
      const onEvents = own.filter((script) => functionType(script) === 'on-event');
      return {
        providerConfigKey,
        provider: (await findIntegration(db, environmentId, providerConfigKey))?.provider,
        syncs: await of('sync'),
        actions: await of('action'),
        // Those of all events in one list; `event` says which.
        'on-events': await Promise.all(
          onEvents.map(async (script) => ({ ...(await flowView(db, script)), event: script.kind })),
        ),
      };
    }),
  );
}

async function flowView(db: ApiDeps['db'], script: Script) {
  const { scopes, ...view } = await functionView({ db }, script);
  return {
    ...view,
    scopes,
    runs: script.runs,
    auto_start: script.autoStart,
    track_deletes: script.trackDeletes,
    endpoints: [],
    sync_type: script.syncType ?? undefined,
    sdk_version: null,
    webhookSubscriptions: [],
    features: [],
  };
}

/** The actions as functions that a model may call: the parameters are those of the input's model. */
export async function openAiFunctions({ db }: Pick<ApiDeps, 'db'>, environmentId: string) {
  const actions = (await listScripts(db, environmentId)).filter((script) => script.kind === 'action');
  return Promise.all(
    actions.map(async (action) => ({
      name: action.name,
      description: action.description ?? '',
      parameters: await inputSchema({ db }, action),
    })),
  );
}

/** What an action takes, as a JSON Schema of type object; `definitions` are those that it refers to. */
export async function inputSchema({ db }: Pick<ApiDeps, 'db'>, action: Script) {
  const schema = action.inputModel === null ? null : await schemaOf(db, action);
  const model = schema?.definitions?.[action.inputModel ?? ''];
  const { properties = {}, required = [] } = model ?? {};
  return {
    type: 'object' as const,
    properties,
    required: Array.isArray(required) ? required : [],
    ...(schema?.definitions !== undefined &&
      JSON.stringify(model).includes('"$ref"') && { definitions: schema.definitions }),
  };
}

async function schemaOf(db: ApiDeps['db'], script: Script): Promise<Schema | null> {
  const text = await schemaOfScript(db, script.id);
  return text === undefined ? null : (JSON.parse(text) as Schema);
}
