/** `${…}` in a provider's entry, filled from the connection and the call at hand. Pure. */
import { EngineError } from '../contract/failures.ts';
import { type CallFacts, nameConnection, type Party } from './connection.ts';
import { FUNCTION_NAMES, fillTemplate, namesIn, unknownFunctions, type Values } from './template.ts';

/** Short names of the grammar and where their value lies in the credentials. */
const CREDENTIAL_NAMES: Readonly<Record<string, readonly string[]>> = {
  apiKey: ['apiKey', 'api_key'],
  accessToken: ['access_token'],
  refresh_token: ['refresh_token'],
  token: ['token'],
  username: ['username'],
  password: ['password'],
  clientId: ['client_id'],
  clientSecret: ['client_secret'],
};
/** What a call says of itself, by the names templates know; the last two are older ones. */
const OF_THE_CALL: Readonly<Record<string, Exclude<keyof CallFacts, 'now'>>> = {
  method: 'method',
  host: 'host',
  path: 'path',
  endpoint: 'endpoint',
  params: 'params',
  body: 'body',
  contentType: 'contentType',
  random: 'random',
  urlCanonicalParams: 'params',
  bodyCanonicalParams: 'body',
};
const EXPECTED = [
  'connectionConfig.<name>, credentials.<name>',
  ...Object.keys(CREDENTIAL_NAMES),
  ...Object.keys(OF_THE_CALL),
  'now, now:<format>, now+<count>:<unit>:<format>',
  ...FUNCTION_NAMES.map((name) => `${name}(…)`),
].join(', ');

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * The template with its values filled in. Of `a || b` the first alternative whose values all exist is taken. Values are
 * put in as they are and never looked through again. Throws `upstream_refused` naming the missing value and where to set
 * it, or one that would lead a URL to another host; `key` is the template's own name, such as `proxy.base_url`.
 */
export function interpolate(template: string, party: Party, key: string): string {
  if (!template.includes('${')) return template;
  const filled = fillTemplate(template, valuesOf(party));
  if ('text' in filled) return filled.text;
  if ('unfit' in filled) throw unfitValue(filled.unfit, party, key);
  throw missingValue(filled.missing, party, key);
}

/** The same for each text of a tree; numbers, booleans and null stay what they are. Throws as `interpolate`. */
export function interpolateTree(tree: Json, party: Party, key: string): Json {
  if (typeof tree === 'string') return interpolate(tree, party, key);
  if (tree === null || typeof tree !== 'object') return tree;
  if (Array.isArray(tree)) return tree.map((item, index) => interpolateTree(item, party, `${key}.${index}`));
  return Object.fromEntries(
    Object.entries(tree).map(([name, value]) => [name, interpolateTree(value, party, `${key}.${name}`)]),
  );
}

/** What a template asks for and no connection, call or flow can ever give: names and functions that are not known. */
export function unknownExpressions(template: string): string[] {
  if (!template.includes('${')) return [];
  const unknown = namesIn(template).filter((name) => {
    const [root = '', ...path] = name.split('.');
    if (path.length > 0) return !/^(connectionConfig|credentials|assertionOption|step\d+)$/.test(root);
    return !Object.hasOwn(OF_THE_CALL, root) && !Object.hasOwn(CREDENTIAL_NAMES, root);
  });
  return [...unknown, ...unknownFunctions(template)];
}

function valuesOf(party: Party): Values {
  return { lookup: (name) => ofTheCall(name, party) ?? asText(lookup(name, party)), now: party.call?.now };
}

/** Unlike a value that somebody has to give, a part of the call may well be empty. */
function ofTheCall(name: string, { call }: Party): string | undefined {
  const fact = Object.hasOwn(OF_THE_CALL, name) ? OF_THE_CALL[name] : undefined;
  return fact && call?.[fact];
}

function lookup(name: string, { connection, provider, extra }: Party): unknown {
  const [root = '', ...path] = name.split('.');
  if (root === 'connectionConfig') {
    // What a token's answer told is kept under its whole path.
    const places = [path, [path.join('.')], formerPath(path)];
    const found = places.map((place) => valueAt(connection.connectionConfig, place));
    const value = found.find((one) => one !== undefined && one !== null);
    return value === undefined || value === ''
      ? provider.connection_config?.[formerPath(path).join('.')]?.default_value
      : value;
  }
  if (root === 'credentials') return valueAt(connection.credentials, path);
  // Steps of a flow stand in nobody's row: whoever runs the flow hands them in.
  if (extra !== undefined && Object.hasOwn(extra, root)) return valueAt(extra, [root, ...path]);
  // What a person chose for an assertion comes with their credentials.
  if (root === 'assertionOption') return valueAt(connection.credentials, [root, ...path]);
  if (path.length > 0 || !Object.hasOwn(CREDENTIAL_NAMES, root)) return undefined;
  return CREDENTIAL_NAMES[root]?.map((one) => valueAt(connection.credentials, [one])).find((value) => asText(value));
}

/** Files of 2023 say `connectionConfig.params.x`. */
function formerPath(path: readonly string[]): readonly string[] {
  return path[0] === 'params' && path.length > 1 ? path.slice(1) : path;
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

// The value is not shown: it may be a secret in the wrong place.
function unfitValue(expression: string, party: Party, key: string): EngineError {
  const where = `${key} of provider '${party.provider.name}'`;
  const what = 'it is a part of a host there: letters, digits, dots, hyphens and underscores are expected';
  return new EngineError('upstream_refused', `Value '\${${expression}}' in ${where} is refused: ${what}.`);
}

function missingValue(expression: string, party: Party, key: string): EngineError {
  const where = `${key} of provider '${party.provider.name}'`;
  const problem = `Value '\${${expression}}' in ${where} is missing: ${expectation(expression, party)}.`;
  return new EngineError('upstream_refused', problem);
}

function expectation(expression: string, { connection, provider }: Party): string {
  const owner = nameConnection(connection);
  const [root = '', ...path] = expression.split('.');
  if (root === 'connectionConfig') {
    const example = provider.connection_config?.[path.join('.')]?.example;
    const like = example === undefined ? '' : ` (such as '${example}')`;
    return `expected '${path.join('.')}'${like} in the connection_config of ${owner}; set it there`;
  }
  if (root === 'credentials')
    return `expected '${path.join('.')}' in the credentials of ${owner}; create it again with it`;
  const names = Object.hasOwn(CREDENTIAL_NAMES, expression) ? CREDENTIAL_NAMES[expression] : undefined;
  if (names !== undefined) return `expected '${names[0]}' in the credentials of ${owner}; create it again with it`;
  return `expected one of ${EXPECTED}`;
}
