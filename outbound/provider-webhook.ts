/**
 * What a provider tells us by a webhook: whether it is really the provider, which event it is, and whom it is about. How
 * each one signs and where it puts these things is in its entry of the catalogue, under `webhook`. Pure.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { EngineError } from '../contract/failures.ts';
import { valueAt } from './auth/token-response.ts';
import type { Provider } from './provider.ts';

export type WebhookCall = {
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
};

/** A value that names an account, and where connections have the same. */
export type AccountName = {
  readonly place: 'connectionId' | 'connectionConfig' | 'metadata';
  readonly key: string;
  readonly value: string;
};

export type WebhookEvent = {
  readonly payload: unknown;
  readonly eventId: string | null;
  readonly type: string | null;
  readonly accounts: readonly AccountName[];
  /** Set when the provider only tries the address: what it wants to hear. */
  readonly challenge: string | undefined;
};

type Grammar = NonNullable<Provider['webhook']>;
type Signature = NonNullable<Grammar['signature']>;
type Place = { readonly header?: string | undefined; readonly body?: string | undefined };

const TOLERANCE_S = 300;
const LONGEST_NAME = 255;
/** Of a provider without an entry: what its sender writes into a JSON body itself. */
const PLAIN: Grammar = {
  event_id: { body: 'id' },
  event_type: { body: 'type' },
  accounts: [{ body: 'connectionId', connection: 'connectionId' }],
};

/** Which of the integration's credentials signs this provider's webhooks; undefined when nothing does. */
export function signingCredential({ webhook }: Provider): 'webhook_secret' | 'client_secret' | undefined {
  return webhook?.signature && (webhook.signature.secret ?? 'webhook_secret');
}

/** @throws EngineError `webhook_refused` for a signature that is missing, wrong or too old, without saying how it was wrong. */
export function checkSignature(provider: Provider, call: WebhookCall, secret: string, now: Date): void {
  const signature = provider.webhook?.signature;
  if (signature === undefined) return;
  const header = call.headers[signature.header.toLowerCase()] ?? '';
  const timestamp = timestampOf(signature, call, header);
  if (timestamp !== undefined) {
    const ageS = Math.abs(now.getTime() / 1_000 - Number(timestamp));
    if (!(ageS <= (signature.tolerance_s ?? TOLERANCE_S)))
      throw refused(provider, 'its time is missing or too far off');
  }
  const expected = digestOf(signature, { timestamp: timestamp ?? '', body: call.body }, secret);
  const isGood = candidates(signature, header).some((text) => {
    const sent = Buffer.from(text, signature.encoding ?? 'hex');
    return sent.length === expected.length && timingSafeEqual(sent, expected);
  });
  if (!isGood) throw refused(provider, `the signature in its header '${signature.header}' is missing or wrong`);
}

/** What a call says. @throws EngineError `invalid_body` for a body that is not what its content type says. */
export function readWebhook(provider: Provider, call: WebhookCall): WebhookEvent {
  const grammar = provider.webhook ?? PLAIN;
  const payload = payloadOf(call);
  const text = (place: Place | undefined) => named(place, call, payload);
  return {
    payload,
    eventId: text(grammar.event_id),
    type: text(grammar.event_type),
    accounts: (grammar.accounts ?? []).flatMap((account) => accountOf(account, text(account))),
    challenge: grammar.challenge === undefined ? undefined : (text({ body: grammar.challenge }) ?? undefined),
  };
}

function timestampOf({ timestamp }: Signature, { headers }: WebhookCall, signed: string): string | undefined {
  if (timestamp === undefined) return undefined;
  if (timestamp.header !== undefined) return headers[timestamp.header.toLowerCase()] ?? '';
  return partsOf(signed, timestamp.part ?? 't')[0] ?? '';
}

/** `content` with its two placeholders filled in; the body as the bytes that came. */
function digestOf(signature: Signature, given: { timestamp: string; body: Buffer }, secret: string): Buffer {
  const hmac = createHmac(signature.algorithm ?? 'sha256', secret);
  for (const piece of (signature.content ?? '{body}').split(/(\{timestamp\}|\{body\})/)) {
    hmac.update(piece === '{body}' ? given.body : piece === '{timestamp}' ? given.timestamp : piece);
  }
  return hmac.digest();
}

/** While a secret is replaced, a provider may send a signature by each. */
function candidates({ part, prefix = '' }: Signature, header: string): string[] {
  const texts = part === undefined ? [header] : partsOf(header, part);
  return texts.filter((text) => text.startsWith(prefix)).map((text) => text.slice(prefix.length));
}

/** The values of `name` in `name=value,name=value`. */
function partsOf(header: string, name: string): string[] {
  const parts = header.split(',').map((part) => part.trim());
  return parts.filter((part) => part.startsWith(`${name}=`)).map((part) => part.slice(name.length + 1));
}

function payloadOf({ headers, body }: WebhookCall): unknown {
  const text = body.toString('utf8');
  if (/\bx-www-form-urlencoded\b/i.test(headers['content-type'] ?? '')) {
    const form = Object.fromEntries(new URLSearchParams(text));
    // A form with one field of JSON is how some send what others send as it is.
    return form['payload'] === undefined ? form : parsed(form['payload']);
  }
  if (text.trim() === '') return {};
  return /\bxml\b|^text\//i.test(headers['content-type'] ?? '') ? text : parsed(text);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new EngineError('invalid_body', 'The body of the webhook is not JSON: expected JSON, a form, or text.');
  }
}

function named(place: Place | undefined, { headers }: WebhookCall, payload: unknown): string | null {
  const value = place?.header === undefined ? bodyValue(payload, place?.body) : headers[place.header.toLowerCase()];
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const text = String(value).replaceAll('\u0000', '');
  return text === '' || text.length > LONGEST_NAME ? null : text;
}

function bodyValue(payload: unknown, path: string | undefined): unknown {
  return path === undefined ? undefined : valueAt(payload, path.split('.'));
}

function accountOf(
  { connection, pattern }: NonNullable<Grammar['accounts']>[number],
  text: string | null,
): AccountName[] {
  const value = text === null || pattern === undefined ? text : (new RegExp(pattern).exec(text)?.[1] ?? null);
  if (value === null) return [];
  const dot = connection.indexOf('.');
  const place = dot === -1 ? connection : connection.slice(0, dot);
  if (place !== 'connectionId' && place !== 'connectionConfig' && place !== 'metadata') return [];
  return [{ place, key: connection.slice(dot + 1), value }];
}

function refused({ name }: Provider, why: string): EngineError {
  return new EngineError('webhook_refused', `The webhook is not accepted as one of provider '${name}': ${why}.`);
}
