/** Requests that are complete, where a required part cannot be any text. About things that there are not. */
type Sample = {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
};

const WHOSE = { provider_config_key: 'none', connection_id: 'none' };

export const SAMPLES: Readonly<Record<string, Sample>> = {
  'GET /records': { query: { model: 'Task' } },
  'GET /sync/records': { query: { model: 'Task' } },
  'PATCH /records/prune': { body: { model: 'Task', until_cursor: 'x' } },
  'POST /integrations': { body: { provider: 'none', unique_key: 'none' } },
  'POST /config': { body: { provider: 'none', provider_config_key: 'none' } },
  'PUT /config': { body: { provider: 'none', provider_config_key: 'none' } },
  'POST /integrations/quickstart': { body: { provider: 'none', unique_key: 'none' } },
  'POST /connections': { body: { provider_config_key: 'none' } },
  'POST /connection': { body: { provider_config_key: 'none' } },
  'POST /connections/metadata': { body: { ...WHOSE, metadata: {} } },
  'PATCH /connections/metadata': { body: { ...WHOSE, metadata: {} } },
  'POST /connection/metadata': { body: { ...WHOSE, metadata: {} } },
  'PATCH /connection/metadata': { body: { ...WHOSE, metadata: {} } },
  'POST /connection/{id}/metadata': { query: { provider_config_key: 'none' } },
  'PATCH /connection/{id}/metadata': { query: { provider_config_key: 'none' } },
  'POST /connect/sessions': { body: { end_user: { id: 'ada' }, allowed_integrations: ['none'] } },
  'POST /connect/sessions/reconnect': { body: { connection_id: 'none', integration_id: 'none' } },
  'POST /sync/trigger': { body: { provider_config_key: 'none' } },
  'POST /sync/start': { body: { provider_config_key: 'none' } },
  'POST /sync/pause': { body: { provider_config_key: 'none' } },
  'PUT /sync/update-connection-frequency': { body: { ...WHOSE, sync_name: 'none', frequency: null } },
  'POST /sync/{name}/variant/{variant}': { body: WHOSE },
  'DELETE /sync/{name}/variant/{variant}': { body: WHOSE },
  'POST /sync/deletions/confirm': { body: { ...WHOSE, sync_name: 'none', model: 'Task', count: 1 } },
  'POST /sync/deploy': { body: { flowConfigs: [] } },
  'POST /sync/deploy/confirmation': { body: { flowConfigs: [] } },
  'POST /action/trigger': { body: { action_name: 'none' } },
  'PUT /environment-variables': { body: { variables: [] } },
  'DELETE /integrations/{key}/functions/{name}': { query: { type: 'sync' } },
  'POST /environment/api-keys': { body: { display_name: 'sample' } },
};
