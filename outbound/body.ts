/** A script's `data` as bytes on the wire, with the content type axios would have chosen. */
import { EngineError } from '../contract/failures.ts';
import type { Headers } from './headers.ts';

/** A request's body and the content type to send where the call names none (or a multipart one without boundary). */
export type EncodedBody = { readonly bytes: Uint8Array; readonly contentType: string };

const FORM = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data';

/**
 * Encodes `data`: text as it is, `{ base64 }` as bytes, anything else as JSON, or as a form where the content type says
 * so. undefined and null are no body. Throws `invalid_body` for a form made of something that has no fields.
 */
export async function encodeBody(data: unknown, headers: Readonly<Headers>): Promise<EncodedBody | undefined> {
  if (data === undefined || data === null) return undefined;
  const stated = headers['content-type'];
  const kind = stated?.toLowerCase();
  if (typeof data === 'string') return encoded(data, stated ?? FORM);
  const bytes = decodeBase64(data);
  if (bytes !== undefined) return { bytes, contentType: stated ?? 'application/octet-stream' };
  if (kind?.startsWith(MULTIPART)) return encodeMultipart(fieldsOf(data, MULTIPART));
  if (kind?.startsWith(FORM)) return encoded(encodeForm(fieldsOf(data, FORM)), stated ?? FORM);
  return encoded(JSON.stringify(data), stated ?? 'application/json');
}

function encoded(text: string, contentType: string): EncodedBody {
  return { bytes: Buffer.from(text), contentType };
}

function decodeBase64(data: unknown): Uint8Array | undefined {
  if (typeof data !== 'object' || data === null || !('base64' in data) || typeof data.base64 !== 'string')
    return undefined;
  return Object.keys(data).length === 1 ? Buffer.from(data.base64, 'base64') : undefined;
}

function fieldsOf(data: unknown, contentType: string): Record<string, unknown> {
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data as Record<string, unknown>;
  throw new EngineError(
    'invalid_body',
    `The data of a '${contentType}' call has no fields: expected an object or a string.`,
  );
}

/** Lists become `a[]=1&a[]=2` and objects `a[b]=1`, as axios writes forms and Stripe-like APIs read them. */
function encodeForm(fields: Record<string, unknown>): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) appendField(form, name, value);
  return form.toString();
}

function appendField(form: URLSearchParams, name: string, value: unknown): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) {
    const plain = value.every((item) => typeof item !== 'object');
    for (const [index, item] of value.entries()) appendField(form, plain ? `${name}[]` : `${name}[${index}]`, item);
    return;
  }
  if (typeof value === 'object') {
    for (const [key, item] of Object.entries(value)) appendField(form, `${name}[${key}]`, item);
    return;
  }
  form.append(name, String(value));
}

/** A field `{ base64, filename?, contentType? }` becomes a file; lists repeat the field; objects travel as JSON. */
async function encodeMultipart(fields: Record<string, unknown>): Promise<EncodedBody> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const item of Array.isArray(value) ? value : [value]) appendPart(form, name, item);
  }
  const response = new Response(form);
  const contentType = response.headers.get('content-type') ?? MULTIPART;
  return { bytes: new Uint8Array(await response.arrayBuffer()), contentType };
}

function appendPart(form: FormData, name: string, value: unknown): void {
  if (value === undefined || value === null) return;
  const file = fileOf(value);
  if (file !== undefined) form.append(name, file.blob, file.name ?? name);
  else form.append(name, typeof value === 'object' ? JSON.stringify(value) : String(value));
}

function fileOf(value: unknown): { blob: Blob; name: string | undefined } | undefined {
  if (typeof value !== 'object' || value === null || !('base64' in value) || typeof value.base64 !== 'string')
    return undefined;
  const { filename, contentType } = value as { filename?: unknown; contentType?: unknown };
  const type = typeof contentType === 'string' ? contentType : 'application/octet-stream';
  const blob = new Blob([Buffer.from(value.base64, 'base64')], { type });
  return { blob, name: typeof filename === 'string' ? filename : undefined };
}
