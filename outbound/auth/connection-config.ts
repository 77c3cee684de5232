/** The values a provider wants to know of an account, such as its subdomain, checked before anything is stored. Pure. */
import type { InputFault } from '../../contract/failures.ts';
import type { Provider } from '../provider.ts';

type Field = Partial<NonNullable<Provider['connection_config']>[string]>;

/** Names in dots and brackets could reach into other things when they are looked up; those that the entry has are its own. */
const NAME = /^[A-Za-z0-9_-]{1,100}$/;
const LONGEST = 2_000;

/**
 * The values with the provider's defaults beneath them, and every mistake, each naming the field and its example. A
 * field that the provider fills in itself (`automated`) may be missing; names the entry does not have are let through.
 */
export function checkConnectionConfig(provider: Provider, given: Readonly<Record<string, unknown>>): Checked {
  return checkFields(fieldsOf(provider, 'connection_config'), 'connection_config', given, keptNames(provider));
}

/** The same for the fields of the entry's `credentials`, which modes with inputs of their own have. */
export function checkCredentialFields(provider: Provider, given: Readonly<Record<string, unknown>>): Checked {
  return checkFields(fieldsOf(provider, 'credentials'), 'credentials', given);
}

/** And for those of the integration itself. */
export function checkIntegrationConfig(provider: Provider, given: Readonly<Record<string, unknown>>): Checked {
  return checkFields(fieldsOf(provider, 'integration_config'), 'integration_config', given);
}

type Checked = { readonly config: Record<string, unknown>; readonly faults: readonly InputFault[] };

function checkFields(
  fields: Readonly<Record<string, Field>>,
  root: string,
  given: Readonly<Record<string, unknown>>,
  kept: readonly string[] = [],
): Checked {
  const known = new Set([...Object.keys(fields), ...kept]);
  const config: Record<string, unknown> = {};
  const faults: InputFault[] = [];
  const fault = (name: string, message: string) => faults.push({ code: 'custom', message, path: [root, name] });
  for (const [name, value] of Object.entries(given)) {
    if (!NAME.test(name) && !known.has(name)) fault(name, "expected a name of letters, digits, '_' and '-'");
    else
      config[name] =
        typeof value === 'string' && root === 'connection_config' ? bare(value.trim(), fields[name]) : value;
  }
  for (const [name, field] of Object.entries(fields)) {
    const value = config[name] ?? field.default_value;
    if (value === undefined || value === '') {
      if (isNeeded(field)) fault(name, `is missing: expected ${expected(field)}`);
      continue;
    }
    config[name] = value;
    const tooLong = root === 'connection_config' && String(value).length > LONGEST;
    if (tooLong || (typeof value === 'string' && !fits(value, field))) fault(name, `expected ${expected(field)}`);
  }
  return { config, faults };
}

function fieldsOf(
  provider: Provider,
  key: 'connection_config' | 'credentials' | 'integration_config',
): Readonly<Record<string, Field>> {
  // The older spelling has the names alone.
  const named = key === 'connection_config' ? (provider.connection_configuration ?? []) : [];
  const fields: Readonly<Record<string, Field>> = provider[key] ?? {};
  return { ...Object.fromEntries(named.map((name): [string, Field] => [name, {}])), ...fields };
}

/** What callbacks, token answers and webhooks add to a connection, by dotted names: it is given again by who signs in again. */
function keptNames({
  redirect_uri_metadata: callback,
  token_response_metadata: token,
  webhook_response_metadata: webhook,
}: Provider) {
  return [callback, token, webhook].flatMap((names) => names ?? []);
}

/** A field that forms show under a condition only may be missing: what is then wrong, the provider says. */
function isNeeded({ optional, automated, visible_when: condition }: Field): boolean {
  return optional !== true && automated !== true && condition === undefined;
}

/** People paste the whole address where its first part is asked for. */
function bare(value: string, field: Field | undefined): string {
  let text = value;
  if (field?.prefix !== undefined && text.startsWith(field.prefix)) text = text.slice(field.prefix.length);
  if (field?.suffix !== undefined && text.endsWith(field.suffix)) text = text.slice(0, -field.suffix.length);
  return text;
}

function fits(value: string, { pattern, format, enum: allowed }: Field): boolean {
  if (allowed !== undefined && !allowed.includes(value)) return false;
  if (pattern !== undefined && !new RegExp(pattern).test(value)) return false;
  switch (format) {
    case 'hostname':
      return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i.test(value);
    case 'uri':
      return isPlainUrl(value);
    case 'uuid':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
    case 'email':
      return /^[^\s@]+@[^\s@]+$/.test(value);
    default:
      return true;
  }
}

/** With a user in it, no call to it would be made: said here, before it is stored, and not at the first call. */
function isPlainUrl(value: string): boolean {
  const url = URL.parse(value);
  return url !== null && url.username === '' && url.password === '';
}

function expected({ title, example, format, enum: allowed }: Field): string {
  const what = title ?? (format === undefined ? 'a value' : `a ${format}`);
  if (allowed !== undefined) return `${what}, one of ${allowed.map((one) => `'${one}'`).join(', ')}`;
  return example === undefined ? what : `${what}, such as '${example}'`;
}
