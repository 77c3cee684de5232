/** `${…}` in a provider's URLs, headers and query. Pure. */
import { EngineError } from '../contract/failures.ts';
import { nameConnection, type Party } from './connection.ts';

const EXPRESSION = /\$\{([^${}]*)\}/g;
const ALTERNATIVES = / *\|\| */;

/** Short names of the grammar and where their value lies in the credentials. */
const CREDENTIAL_NAMES: Readonly<Record<string, readonly string[]>> = {
  apiKey: ['apiKey', 'api_key'],
  accessToken: ['access_token'],
  token: ['token'],
  username: ['username'],
  password: ['password'],
  clientId: ['client_id'],
  clientSecret: ['client_secret'],
};

/**
 * The template with its values filled in. Of `a || b` the first alternative whose values all exist is taken. Values are
 * put in as they are and never looked through again. Throws `upstream_refused` naming the missing value and where to set
 * it; `key` is the template's own name, such as `proxy.base_url`.
 */
export function interpolate(template: string, party: Party, key: string): string {
  if (!template.includes('${')) return template;
  let missing: string | undefined;
  for (const alternative of template.split(ALTERNATIVES)) {
    const filled = fill(alternative, party);
    if (filled.missing === undefined) return filled.text;
    missing ??= filled.missing;
  }
  throw missingValue(missing ?? template, party, key);
}

function fill(template: string, party: Party): { text: string; missing: string | undefined } {
  let missing: string | undefined;
  const text = template.replace(EXPRESSION, (_, expression: string) => {
    const value = resolveExpression(expression.trim(), party);
    if (value === undefined) missing ??= expression.trim();
    return value ?? '';
  });
  return { text, missing };
}

// The one place that gives an expression its value: helper functions (`base64(…)` and so on) belong here as well.
function resolveExpression(expression: string, { connection }: Party): string | undefined {
  const [root, ...path] = expression.split('.');
  if (root === 'connectionConfig' && path.length > 0) return asText(valueAt(connection.connectionConfig, path));
  if (root === 'credentials' && path.length > 0) return asText(valueAt(connection.credentials, path));
  if (!Object.hasOwn(CREDENTIAL_NAMES, expression)) return undefined;
  for (const name of CREDENTIAL_NAMES[expression] ?? []) {
    const value = asText(valueAt(connection.credentials, [name]));
    if (value !== undefined) return value;
  }
  return undefined;
}

function valueAt(from: unknown, path: readonly string[]): unknown {
  let value = from;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function missingValue(expression: string, party: Party, key: string): EngineError {
  const where = `${key} of provider '${party.provider.name}'`;
  const problem = `Value '\${${expression}}' in ${where} is missing: ${expectation(expression, party)}.`;
  return new EngineError('upstream_refused', problem);
}

function expectation(expression: string, { connection }: Party): string {
  const owner = nameConnection(connection);
  const [root, ...path] = expression.split('.');
  if (root === 'connectionConfig')
    return `expected '${path.join('.')}' in the connection_config of ${owner}; set it there`;
  if (root === 'credentials')
    return `expected '${path.join('.')}' in the credentials of ${owner}; create it again with it`;
  const names = CREDENTIAL_NAMES[expression];
  if (names !== undefined) return `expected '${names[0]}' in the credentials of ${owner}; create it again with it`;
  return 'expected connectionConfig.<name>, credentials.<name>, apiKey, accessToken, token, username or password';
}
