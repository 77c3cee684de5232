/**
 * What is said of each endpoint besides its schemas: what it is for, which scope a key needs for it, and how it answers.
 * An endpoint that is missing here needs a key without limits.
 */
export type Endpoint = {
  readonly summary: string;
  /** `environment:*`: a key without limits. Null: a connect session or nobody's key opens it. */
  readonly scope: Scope | 'environment:*' | null;
  /** Statuses of success. @default [200] */
  readonly status?: readonly number[];
  /** Statuses of refusals besides those that every endpoint may answer. */
  readonly refusals?: readonly number[];
};

export const SCOPES = [
  'environment:integrations:list',
  'environment:integrations:read',
  'environment:integrations:create',
  'environment:integrations:update',
  'environment:integrations:delete',
  'environment:integrations:list_functions',
  'environment:functions:read',
  'environment:functions:delete',
  'environment:connections:list',
  'environment:connections:read',
  'environment:connections:create',
  'environment:connections:update',
  'environment:connections:delete',
  'environment:connect_sessions:write',
  'environment:syncs:read',
  'environment:syncs:execute',
  'environment:syncs:update',
  'environment:syncs:variant:create',
  'environment:syncs:variant:delete',
  'environment:records:read',
  'environment:records:write',
  'environment:actions:execute',
  'environment:proxy',
  'environment:deploy',
  'environment:logs:read',
  'environment:variables:read',
  'environment:variables:write',
  'environment:webhooks:read',
  'environment:webhooks:write',
  'environment:webhook_signing_key:rotate',
  'environment:api_keys:read',
  'environment:mcp',
] as const;
export type Scope = (typeof SCOPES)[number];

const of = (scope: Endpoint['scope'], summary: string, rest: Partial<Endpoint> = {}): Endpoint => ({
  scope,
  summary,
  ...rest,
});
const SIGN_IN = { refusals: [403, 409, 424, 502] };

export const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  'GET /': of(null, 'Where to look'),
  'GET /health': of(null, 'Whether the process lives'),
  'GET /ready': of(null, 'Whether it can do its work: a line for each part, or for those of `parts`'),
  'GET /openapi.json': of(null, 'This document'),
  'GET /docs/api': of(null, 'This document as a page'),

  'GET /providers': of('environment:integrations:list', 'The APIs that are known'),
  'GET /providers/:name': of('environment:integrations:list', 'One of them'),
  'GET /providers/:name/templates': of(
    'environment:integrations:list',
    'Ready-made scripts; none come with this server',
  ),
  'GET /integrations': of('environment:integrations:list', 'The integrations of the environment'),
  'POST /integrations': of('environment:integrations:create', 'Create an integration', {
    status: [201],
    refusals: [409],
  }),
  'POST /integrations/quickstart': of(
    'environment:integrations:create',
    'Create an integration that needs no app of its own',
    { status: [201], refusals: [409] },
  ),
  'GET /integrations/:key': of('environment:integrations:read', 'One integration'),
  'PATCH /integrations/:key': of('environment:integrations:update', 'Change an integration', { refusals: [409] }),
  'DELETE /integrations/:key': of('environment:integrations:delete', 'Delete an integration with its connections'),
  'GET /config': of('environment:integrations:list', 'The integrations, as clients of 2023 ask'),
  'GET /config/:key': of('environment:integrations:read', 'One integration, as clients of 2023 ask'),
  'POST /config': of('environment:integrations:create', 'Create an integration, as clients of 2023 do', {
    refusals: [409],
  }),
  'PUT /config': of('environment:integrations:update', 'Change the app of an integration, as clients of 2023 do'),
  'DELETE /config/:key': of('environment:integrations:delete', 'Delete an integration, as clients of 2023 do', {
    status: [204],
  }),
  'GET /integrations/:key/functions': of(
    'environment:integrations:list_functions',
    'What is deployed for an integration',
  ),
  'GET /integrations/:key/functions/:name': of('environment:functions:read', 'One deployed script'),
  'GET /integrations/:key/functions/:name/code': of('environment:functions:read', 'The source of a deployed script'),
  'DELETE /integrations/:key/functions/:name': of('environment:functions:delete', 'Remove a deployed script'),
  'GET /scripts/config': of('environment:integrations:list_functions', 'All that is deployed'),
  'GET /connections': of('environment:connections:list', 'Connections, filtered and by pages'),
  'GET /connection': of('environment:connections:list', 'The same under its old name'),
  'POST /connections': of('environment:connections:create', 'Import a connection', {
    status: [201, 200],
    refusals: [409, 424, 502],
  }),
  'POST /connection': of('environment:connections:create', 'Import a connection, as clients of 2023 do', {
    status: [201, 200],
    refusals: [409, 424, 502],
  }),
  'GET /connections/:id': of('environment:connections:read', 'One connection with fresh credentials', {
    refusals: [424, 502],
  }),
  'GET /connection/:id': of('environment:connections:read', 'The same under its old name', { refusals: [424, 502] }),
  'PATCH /connections/:id': of('environment:connections:update', 'Change whose a connection is'),
  'PATCH /connection/:id': of('environment:connections:update', 'The same under its old name'),
  'DELETE /connections/:id': of('environment:connections:delete', 'Delete a connection with its records'),
  'DELETE /connection/:id': of('environment:connections:delete', 'The same under its old name'),
  'POST /connections/metadata': of('environment:connections:update', 'Replace the metadata of connections', {
    status: [201],
  }),
  'PATCH /connections/metadata': of('environment:connections:update', 'Merge into the metadata of connections'),
  'POST /connection/metadata': of('environment:connections:update', 'The same under its old name', { status: [201] }),
  'PATCH /connection/metadata': of('environment:connections:update', 'The same under its old name'),
  'POST /connection/:id/metadata': of('environment:connections:update', 'Replace metadata, as clients of 2023 do', {
    status: [201],
  }),
  'PATCH /connection/:id/metadata': of('environment:connections:update', 'Merge metadata, as clients of 2023 do'),
  'POST /connect/sessions': of('environment:connect_sessions:write', 'Open a session for one of your users', {
    status: [201],
  }),
  'POST /connect/sessions/reconnect': of('environment:connect_sessions:write', 'Open a session that signs in anew', {
    status: [201],
  }),
  'GET /connect/session': of(null, 'What a session allows'),
  'GET /connect/integrations': of(null, 'What a person may connect under a session'),
  'DELETE /connect/session': of(null, 'End a session', { status: [204] }),
  'GET /oauth/connect/:key': of(null, 'Begin a sign-in in the browser', {
    status: [302],
    refusals: [403, 424],
  }),
  'GET /oauth/callback': of(null, 'End a sign-in in the browser', SIGN_IN),
  'GET /oauth/client-metadata/:environment/:key': of(null, 'What authorization servers read of us as a client', {
    refusals: [404],
  }),
  'GET /app-auth/connect': of(null, 'End the installation of an app', SIGN_IN),
  'POST /api-auth/api-key/:key': of(null, 'Connect with an API key', SIGN_IN),
  'POST /api-auth/basic/:key': of(null, 'Connect with user name and password', SIGN_IN),
  'POST /oauth2/auth/:key': of(null, 'Connect with client credentials', SIGN_IN),
  'POST /auth/tba/:key': of(null, 'Connect with a token of token-based authentication', SIGN_IN),
  'POST /auth/two-step/:key': of(null, 'Connect in two steps', SIGN_IN),
  'POST /auth/jwt/:key': of(null, 'Connect with a signed token', SIGN_IN),
  'POST /auth/bill/:key': of(null, 'Connect with a session of BILL', SIGN_IN),
  'POST /auth/signature/:key': of(null, 'Connect with signed requests', SIGN_IN),
  'POST /auth/aws-sigv4/:key': of(null, 'Connect to AWS', SIGN_IN),
  'POST /auth/unauthenticated/:key': of(null, 'Connect to an API that asks for nothing', SIGN_IN),
  'GET /records': of('environment:records:read', 'Records in the order of their changes'),
  'PATCH /records/prune': of('environment:records:write', 'Empty records that have been read'),
  'GET /sync/records': of('environment:records:read', 'Records as clients of 2023 list them'),
  'POST /sync/trigger': of('environment:syncs:execute', 'Run syncs now', { refusals: [409] }),
  'POST /sync/start': of('environment:syncs:execute', 'Let syncs run by their schedule'),
  'POST /sync/pause': of('environment:syncs:execute', 'Suspend syncs'),
  'GET /sync/status': of('environment:syncs:read', 'What syncs are doing'),
  'PUT /sync/update-connection-frequency': of('environment:syncs:update', 'How often a sync runs for one connection'),
  'POST /sync/:name/variant/:variant': of('environment:syncs:variant:create', 'Add a variant of a sync'),
  'DELETE /sync/:name/variant/:variant': of('environment:syncs:variant:delete', 'Remove a variant of a sync'),
  'POST /sync/deletions/confirm': of('environment:syncs:update', 'Confirm deletions that were held', {
    refusals: [409],
  }),
  'POST /sync/deploy/confirmation': of('environment:deploy', 'What a deployment would change'),
  'POST /sync/deploy': of('environment:deploy', 'Deploy scripts', { refusals: [409] }),
  'POST /action/trigger': of('environment:actions:execute', 'Run an action', {
    status: [200, 202],
    refusals: [409, 410, 424, 502],
  }),
  'GET /action/:id': of('environment:actions:execute', 'What an asynchronous action came to', {
    refusals: [410, 424, 502],
  }),
  'GET /runs': of('environment:logs:read', 'The newest runs'),
  'GET /runs/:id': of('environment:logs:read', 'One run with its log'),
  'POST /runs/:id/cancel': of('environment:syncs:execute', 'Cancel a run', { refusals: [409] }),
  'GET /runs/:id/journal': of('environment:logs:read', 'What a run was answered, to run it again elsewhere', {
    refusals: [409],
  }),
  'GET /environment-variables': of('environment:variables:read', 'What scripts read by name'),
  'PUT /environment-variables': of('environment:variables:write', 'Replace all of it'),
  'GET /environment/webhooks': of('environment:webhooks:read', 'Where the application hears of runs'),
  'PATCH /environment/webhooks': of('environment:webhooks:write', 'Change that'),
  'POST /environment/webhook-signing-key/rotate': of(
    'environment:webhook_signing_key:rotate',
    'Make another key that webhooks are signed with',
  ),
  'GET /webhooks/deliveries': of('environment:webhooks:read', 'What became of each webhook'),
  'GET /webhooks/deliveries/:id': of('environment:webhooks:read', 'One webhook with its body'),
  'POST /webhooks/deliveries/:id/replay': of('environment:webhooks:write', 'Send a webhook again', { status: [202] }),
  'GET /logs/operations': of('environment:logs:read', 'Runs, calls of /proxy, sign-ins and webhooks, newest first'),
  'GET /logs/operations/:id': of('environment:logs:read', 'One of them'),
  'GET /logs/operations/:id/messages': of('environment:logs:read', 'What it says of its course'),
  'GET /audit-log': of('environment:logs:read', 'Who changed keys, deployments and secrets, or deleted something'),
  'POST /webhook/:environment/:key': of(null, 'Where a provider sends its webhooks', { refusals: [413, 429] }),
  'GET /environment/api-keys': of('environment:api_keys:read', 'The keys of the environment'),
  'POST /environment/api-keys': of('environment:*', 'Make a key, shown once', { status: [201] }),
  'DELETE /environment/api-keys/:id': of('environment:*', 'Revoke a key', { refusals: [409] }),
  'POST /environment/api-keys/:id/rotate': of('environment:*', 'Replace a key', { status: [201] }),
  'GET /metrics': of(null, 'Figures for Prometheus'),
  'GET /mcp': of('environment:mcp', 'Actions as tools: no stream, each message is answered by itself', {
    status: [],
    refusals: [405, 406],
  }),
  'POST /mcp': of('environment:mcp', 'Actions as tools: one message', { status: [200, 202], refusals: [406, 415] }),
  'POST /cli/telemetry': of(null, 'Swallowed', { status: [204] }),
};

/** The scope that a key must have for this endpoint; undefined: only a key without limits will do. */
export function scopeOf(method: string, path: string): Scope | undefined {
  if (path === '/proxy') return 'environment:proxy';
  const scope = ENDPOINTS[`${method} ${path}`]?.scope;
  // Whoever may make keys may do anything: such a key is not to be had by a key that may not.
  return scope === null || scope === 'environment:*' ? undefined : scope;
}

/** Whether scopes of a key, some of them wildcards such as `environment:records:*`, hold this one. */
export function allows(scopes: readonly string[], wanted: Scope | undefined): boolean {
  if (scopes.includes('environment:*')) return true;
  if (wanted === undefined) return false;
  return scopes.some((scope) => scope === wanted || (scope.endsWith(':*') && wanted.startsWith(scope.slice(0, -1))));
}
