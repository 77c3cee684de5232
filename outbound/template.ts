/**
 * The language of `${…}` in providers files, without any knowledge of connections. Pure.
 *
 * A template is text with expressions: a name (`connectionConfig.region`), `now` with an optional format (`now:YYYY`) and
 * shift (`now+7:days:YYYY-MM-DD`), or one of the functions, whose argument is a template again. `a || b` takes the first alternative whose values all exist.
 */
import { createHash, createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { awsAuthorization } from './aws-signature.ts';
import { formatMoment, later } from './moment.ts';

/** What a template is filled from. */
export type Values = {
  /** The value of a dotted name; undefined when there is none. */
  readonly lookup: (name: string) => string | undefined;
  readonly now: Date | undefined;
};

/** The text, or the first expression that has no value, or one whose value would lead a URL to another host. */
export type Filled = { readonly text: string } | { readonly missing: string } | { readonly unfit: string };

type Gap = { missing?: string; unfit?: string };
type Part = { readonly text: string } | { readonly expression: string };

const ALTERNATIVE = / *\|\| */;
const FUNCTIONS: Readonly<Record<string, (argument: string, values: Values) => string | undefined>> = {
  base64: (argument) => Buffer.from(argument).toString('base64'),
  sha256Base64: (argument) => createHash('sha256').update(argument).digest('base64'),
  sha256Hex: (argument) => createHash('sha256').update(argument).digest('hex'),
  hmacSha1Hex: (argument) => {
    const [message, key] = splitKey(argument);
    return key && createHmac('sha1', key).update(message).digest('hex');
  },
  ed25519Sign: (argument) => {
    const [message, key] = splitKey(argument);
    const opened = key && ed25519Key(key);
    return opened ? sign(null, Buffer.from(message), opened).toString('base64') : undefined;
  },
  fingerprint: fingerprintOf,
  awsSigV4: signAws,
};

/** The functions by name, for messages. */
export const FUNCTION_NAMES: readonly string[] = Object.keys(FUNCTIONS);

/** The functions that a template calls and that are none. */
export function unknownFunctions(template: string): string[] {
  const called = [...template.matchAll(/\$\{\s*(\w+)\(/g)].map(([, name]) => name ?? '');
  return called.filter((name) => !Object.hasOwn(FUNCTIONS, name)).map((name) => `${name}(…)`);
}

/** Fills a template. Values are put in as they are and never looked through again. */
export function fillTemplate(template: string, values: Values): Filled {
  let missing: string | undefined;
  for (const alternative of alternativesOf(partsOf(template))) {
    const gap: Gap = {};
    const text = fill(alternative, values, gap);
    if (gap.unfit !== undefined) return { unfit: gap.unfit };
    if (gap.missing === undefined) return { text };
    missing ??= gap.missing;
  }
  return { missing: missing ?? template };
}

/** The dotted names that a template reads, those inside of functions too. */
export function namesIn(template: string): string[] {
  const found: string[] = [];
  fillTemplate(template, { lookup: (name) => void found.push(name), now: new Date(0) });
  return found;
}

function fill(parts: readonly Part[], values: Values, gap: Gap): string {
  let text = '';
  for (const [at, part] of parts.entries()) {
    const value = 'text' in part ? part.text : evaluate(part.expression, values, gap);
    if ('expression' in part && !LABELS.test(value) && isWithinHost(text, parts[at + 1])) gap.unfit ??= part.expression;
    text += value;
  }
  return text;
}

/** What may be a part of a host. Of `https://${shop}.example.com`, 'evil.example/' would make a call to evil.example. */
const LABELS = /^[\w.-]*$/;

/** Whether the entry itself has more of the host before or behind; a host that is a value as a whole is what was asked for. */
function isWithinHost(before: string, next: Part | undefined): boolean {
  const begun = /^https?:\/\/([^/?#]*)$/i.exec(before)?.[1];
  if (begun === undefined) return false;
  return begun !== '' || (next !== undefined && ('expression' in next || /^[^/?#:]/.test(next.text)));
}

function evaluate(expression: string, values: Values, gap: Gap): string {
  const call = /^(\w+)\(([\s\S]*)\)$/.exec(expression);
  const value = call === null ? valueOf(expression, values) : applied(call[1] ?? '', call[2] ?? '', values, gap);
  if (value === undefined) gap.missing ??= expression;
  return value ?? '';
}

function applied(name: string, argument: string, values: Values, gap: Gap): string | undefined {
  if (!Object.hasOwn(FUNCTIONS, name)) return undefined;
  const inner: Gap = {};
  const filled = fill(partsOf(argument), values, inner);
  if (inner.missing === undefined) return FUNCTIONS[name]?.(filled, values);
  gap.missing ??= inner.missing;
  return undefined;
}

function valueOf(name: string, { lookup, now }: Values): string | undefined {
  const moment = /^now(?:\+(\d+):(\w+))?(?::(.*))?$/s.exec(name);
  if (moment === null) return lookup(name);
  const [, count, unit, format] = moment;
  const shifted = now && (unit === undefined ? now : later(now, Number(count), unit));
  return shifted && (format === undefined ? shifted.toISOString() : formatMoment(shifted, format));
}

/** Cuts at every `||` that stands outside of expressions. */
function alternativesOf(parts: readonly Part[]): Part[][] {
  let current: Part[] = [];
  const found = [current];
  for (const part of parts) {
    const [first, ...others] = 'text' in part ? part.text.split(ALTERNATIVE).map((text) => ({ text })) : [part];
    if (first !== undefined) current.push(first);
    for (const other of others) {
      current = [other];
      found.push(current);
    }
  }
  return found;
}

/** Text and expressions in their order; braces inside an expression are counted. An unclosed one is text. */
function partsOf(template: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (;;) {
    const start = template.indexOf('${', at);
    const end = start < 0 ? -1 : closingBrace(template, start + 2);
    if (end < 0) break;
    if (start > at) parts.push({ text: template.slice(at, start) });
    parts.push({ expression: template.slice(start + 2, end).trim() });
    at = end + 1;
  }
  if (at < template.length) parts.push({ text: template.slice(at) });
  return parts;
}

function closingBrace(template: string, from: number): number {
  let depth = 1;
  for (let at = from; at < template.length; at += 1) {
    if (template[at] === '{') depth += 1;
    else if (template[at] === '}') depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

/** Access key id, secret key, region and service, of a call that is known. */
function signAws(argument: string, { lookup, now }: Values): string | undefined {
  const [id, secret, region, service] = argument.split(',').map((part) => part.trim());
  const [method, host, path] = [lookup('method'), lookup('host'), lookup('path')];
  if (!id || !secret || !region || !service || !method || !host || !path || !now) return undefined;
  const rest = { params: lookup('params') ?? '', body: lookup('body') ?? '', contentType: lookup('contentType') };
  return awsAuthorization({ method, host, path, now, ...rest }, { id, secret, region, service });
}

/** What is signed, and the key: the last of the arguments. */
function splitKey(argument: string): [message: string, key: string | undefined] {
  const comma = argument.lastIndexOf(',');
  return comma < 0 ? [argument, undefined] : [argument.slice(0, comma), argument.slice(comma + 1).trim()];
}

/** The SHA-256 of the public key that goes with a private key in PEM, as Snowflake names key pairs. */
function fingerprintOf(privateKey: string): string | undefined {
  try {
    const der = createPublicKey(privateKey.replaceAll('\\n', '\n')).export({ format: 'der', type: 'spki' });
    return `SHA256:${createHash('sha256').update(der).digest('base64')}`;
  } catch {
    return undefined;
  }
}

/** PKCS#8 of a raw Ed25519 key is this and the 32 bytes (RFC 8410 section 7). */
const ED25519_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A private key as PEM, or as base64 of PKCS#8, of the 32 bytes, or of these and the public key behind them. */
function ed25519Key(text: string): KeyObject | undefined {
  try {
    if (text.includes('-----BEGIN')) return createPrivateKey(text.replaceAll('\\n', '\n'));
    const bytes = Buffer.from(text, 'base64');
    const isRaw = bytes.length === 32 || bytes.length === 64;
    const key = isRaw ? Buffer.concat([ED25519_PREFIX, bytes.subarray(0, 32)]) : bytes;
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  }
}
