/** TextEncoder, TextDecoder, atob and btoa for an isolate that has none of them. */
import { utf8Length } from './text.ts';

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export class TextEncoder {
  readonly encoding = 'utf-8';

  encode(input = ''): Uint8Array {
    const text = String(input);
    const bytes = new Uint8Array(utf8Length(text));
    this.encodeInto(text, bytes);
    return bytes;
  }

  encodeInto(input: string, target: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const character of String(input)) {
      const units = encodeCodePoint(character.codePointAt(0) ?? 0);
      if (written + units.length > target.length) break;
      target.set(units, written);
      written += units.length;
      read += character.length;
    }
    return { read, written };
  }
}

function encodeCodePoint(point: number): number[] {
  const code = point >= 0xd800 && point < 0xe000 ? 0xfffd : point;
  if (code < 0x80) return [code];
  if (code < 0x800) return [0xc0 | (code >> 6), 0x80 | (code & 63)];
  if (code < 0x10000) return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
  return [0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
}

const ENCODINGS: Readonly<Record<string, 'utf-8' | 'utf-16le' | 'windows-1252'>> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'utf-16le': 'utf-16le',
  'utf-16': 'utf-16le',
  latin1: 'windows-1252',
  'iso-8859-1': 'windows-1252',
  ascii: 'windows-1252',
  'windows-1252': 'windows-1252',
};

export class TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  #rest: Uint8Array = new Uint8Array(0);
  #begun = false;

  constructor(label = 'utf-8', options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const encoding = ENCODINGS[String(label).trim().toLowerCase()];
    if (encoding === undefined) {
      throw new RangeError(`TextDecoder '${label}': one of ${Object.keys(ENCODINGS).join(', ')} is expected.`);
    }
    this.encoding = encoding;
    this.fatal = options.fatal === true;
    this.ignoreBOM = options.ignoreBOM === true;
  }

  decode(input?: ArrayBuffer | ArrayBufferView, options: { stream?: boolean } = {}): string {
    const bytes = joined(this.#rest, bytesOf(input));
    const isLast = options.stream !== true;
    const end = isLast ? bytes.length : wholeLength(this.encoding, bytes);
    this.#rest = bytes.slice(end);
    const text = decodeBytes(this.encoding, bytes.subarray(0, end), this.fatal);
    const strips = !this.#begun && !this.ignoreBOM && text.charCodeAt(0) === 0xfeff;
    this.#begun = !isLast && (this.#begun || text.length > 0);
    if (isLast) this.#rest = new Uint8Array(0);
    return strips ? text.slice(1) : text;
  }
}

/** How much of `bytes` ends with a whole character. */
function wholeLength(encoding: string, bytes: Uint8Array): number {
  if (encoding === 'windows-1252') return bytes.length;
  if (encoding === 'utf-16le') return bytes.length - (bytes.length % 2);
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return size > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function decodeBytes(encoding: string, bytes: Uint8Array, fatal: boolean): string {
  if (encoding === 'utf-8') return decodeUtf8(bytes, fatal);
  const text: string[] = [];
  const step = encoding === 'utf-16le' ? 2 : 1;
  for (let at = 0; at < bytes.length; at += step) {
    const unit = step === 1 ? (bytes[at] ?? 0) : (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    text.push(String.fromCharCode(unit));
  }
  return text.join('');
}

/** UTF-8 to text; what is not UTF-8 becomes U+FFFD once for each maximal wrong sequence, or throws when `fatal`. */
export function decodeUtf8(bytes: Uint8Array, fatal = false): string {
  const parts: string[] = [];
  let units: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [point, size] = readCodePoint(bytes, at);
    if (point < 0 && fatal) throw new TypeError('The encoded data was not valid for encoding utf-8');
    const code = point < 0 ? 0xfffd : point;
    if (code > 0xffff) units.push(0xd7c0 + (code >> 10), 0xdc00 | (code & 0x3ff));
    else units.push(code);
    at += size;
    if (units.length > 4096) {
      parts.push(String.fromCharCode(...units));
      units = [];
    }
  }
  parts.push(String.fromCharCode(...units));
  return parts.join('');
}

function readCodePoint(bytes: Uint8Array, at: number): [point: number, size: number] {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return [first, 1];
  const size =
    first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (size === 0) return [-1, 1];
  let point = first & (0xff >> (size + 1));
  for (let offset = 1; offset < size; offset++) {
    const byte = bytes[at + offset] ?? 0;
    const low = offset > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const high = offset > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (at + offset >= bytes.length || byte < low || byte > high) return [-1, offset];
    point = (point << 6) | (byte & 63);
  }
  return [point, size];
}

/** Latin-1 text to base64; throws for characters above U+00FF. */
export function btoa(input: unknown): string {
  const text = String(input);
  let out = '';
  for (let at = 0; at < text.length; at += 3) {
    const [a, b, c] = [text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)];
    if (a > 255 || b > 255 || c > 255) throw invalidCharacter('btoa: characters above U+00FF cannot be encoded.');
    const bits = (a << 16) | ((b || 0) << 8) | (c || 0);
    out += `${BASE64[bits >> 18]}${BASE64[(bits >> 12) & 63]}`;
    out += `${Number.isNaN(b) ? '=' : BASE64[(bits >> 6) & 63]}${Number.isNaN(c) ? '=' : BASE64[bits & 63]}`;
  }
  return out;
}

/** Base64 to Latin-1 text; white space is skipped, anything else wrong throws. */
export function atob(input: unknown): string {
  let text = String(input).replace(/[\t\n\f\r ]/g, '');
  if (text.length % 4 === 0) text = text.replace(/={1,2}$/, '');
  if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) throw invalidCharacter('atob: this is no base64 text.');
  const out: string[] = [];
  let bits = 0;
  let held = 0;
  for (const character of text) {
    bits = ((bits << 6) | BASE64.indexOf(character)) & 0xffffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.push(String.fromCharCode((bits >> held) & 255));
  }
  return out.join('');
}

function invalidCharacter(message: string): Error {
  const error = new Error(message);
  error.name = 'InvalidCharacterError';
  return error;
}

function bytesOf(input: ArrayBuffer | ArrayBufferView | undefined): Uint8Array {
  if (input === undefined) return new Uint8Array(0);
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  return new Uint8Array(input);
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  if (head.length === 0) return tail;
  const all = new Uint8Array(head.length + tail.length);
  all.set(head);
  all.set(tail, head.length);
  return all;
}
