/** The errors an author meets: thrown by our own checks, sent by the host, or shaped like axios's. */
import { cutToBytes } from './text.ts';

const codes = new WeakMap<object, string>();
const payloads = new WeakMap<object, { readonly value: unknown }>();

/** An author's own refusal; its payload goes to the caller of the action. */
export class ActionError extends Error {
  readonly type = 'action_script_runtime_error';
  readonly payload: unknown;

  constructor(payload?: unknown) {
    super(messageOf(payload));
    this.name = 'ActionError';
    this.payload = payload;
    codes.set(this, 'action_failed');
    payloads.set(this, { value: payload });
  }
}

/** An Error with one of the engine's failure codes; uncaught, it gives the run that code. */
export function codedError(code: string, message: string, payload?: unknown): Error & { code: string } {
  const error = Object.assign(new Error(message), { code });
  codes.set(error, code);
  if (payload !== undefined) payloads.set(error, { value: payload });
  return error;
}

/** Attaches what the run's failure shall show, without changing the error itself. */
export function notePayload(error: object, value: unknown): void {
  payloads.set(error, { value });
}

/** Puts the frames of the line that made the call under the error's own heading: a delivery has no author's frames. */
export function withStackOf(error: Error, site: { readonly stack?: string }): void {
  const frames = site.stack?.slice(site.stack.indexOf('\n')) ?? '';
  error.stack = `${error.name}: ${error.message}${frames}`;
}

/** What leaves the guest about a thrown value. */
export type Description = {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly code?: string;
  readonly payload?: unknown;
};

/** Describes anything that can be thrown; survives getters and proxies that throw themselves. */
export function describe(thrown: unknown): Description {
  try {
    return describeError(thrown);
  } catch {
    return { name: 'Error', message: 'threw a value that cannot be read', stack: '' };
  }
}

function describeError(thrown: unknown): Description {
  if (typeof thrown !== 'object' || thrown === null) {
    return { name: 'Error', message: `threw ${short(thrown)}, which is no Error`, stack: '' };
  }
  const { name, message, stack } = thrown as Partial<Record<'name' | 'message' | 'stack', unknown>>;
  const code = codes.get(thrown);
  const payload = jsonSafe(payloads.get(thrown)?.value);
  return {
    name: cutToBytes(typeof name === 'string' ? name : 'Error', 200),
    message: cutToBytes(typeof message === 'string' ? message : `threw ${short(thrown)}, which is no Error`, 8_192),
    stack: cutToBytes(typeof stack === 'string' ? stack : '', 16_384),
    ...(code === undefined ? {} : { code }),
    ...(payload === undefined ? {} : { payload }),
  };
}

function messageOf(payload: unknown): string {
  if (typeof payload === 'string') return payload;
  if (typeof payload === 'object' && payload !== null && 'message' in payload) {
    const { message } = payload;
    if (typeof message === 'string') return message;
  }
  return 'ActionError';
}

function short(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  try {
    return cutToBytes(typeof value === 'object' ? (JSON.stringify(value) ?? 'a value') : String(value), 500);
  } catch {
    return 'a value that is not JSON';
  }
}

function jsonSafe(value: unknown): unknown {
  try {
    const text = JSON.stringify(value);
    return text === undefined || text.length > 262_144 ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
