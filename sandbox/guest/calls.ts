/**
 * The numbered host calls. A call gets its number when it is made; answers arrive one at a time, each followed by a
 * drained microtask queue, in the order the host chose. What is not sent yet waits here, on the guest's own memory.
 */
import { guestNow } from './clock.ts';
import { codedError, withStackOf } from './errors.ts';

/** Hands text to the host; it returns nothing and never throws. */
export type Send = (number: number, kind: string, json: string, body: string | undefined) => void;

export type Answer = { readonly value: unknown; readonly body: string | ArrayBuffer | undefined };

type Pending = {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly site: { stack?: string };
  readonly size: number;
};
type Unsent = { readonly number: number; readonly kind: string; readonly json: string; readonly body?: string };

const MAX_TIMERS = 10_000;

let send: Send = () => undefined;
let maxInFlight = 1;
let maxBytesInFlight = 0;
let next = 0;
let bytesInFlight = 0;
let callsInFlight = 0;
let unsentFrom = 0;
let unsent: Unsent[] = [];
const pending = new Map<number, Pending>();
const timers = new Map<number, () => void>();

/** Connects the calls to the host; before that nothing may be called. */
export function connectCalls(to: Send, limits: { readonly maxCallsInFlight: number; readonly maxFrameBytes: number }) {
  send = to;
  maxInFlight = limits.maxCallsInFlight;
  maxBytesInFlight = limits.maxFrameBytes;
}

const CALLS_OUT: ReadonlySet<string> = new Set(['request', 'saveRecords', 'updateRecords', 'deleteRecords']);
let calledOut = false;

/** Whether the script has fetched or saved anything yet. */
export function hasCalledOut(): boolean {
  return calledOut;
}

/** Makes one host call. The promise rejects with an Error whose stack is the caller's. */
export function hostCall(kind: string, args: unknown, body?: string): Promise<Answer> {
  const json = JSON.stringify(args);
  const size = json.length + (body?.length ?? 0);
  if (size > maxBytesInFlight) {
    const error = codedError(
      'script_limit_exceeded',
      `A call of ${size} characters is over the limit of ${maxBytesInFlight}: send less at once.`,
    );
    return Promise.reject(error);
  }
  if (CALLS_OUT.has(kind)) calledOut = true;
  const number = next++;
  const site: { stack?: string } = {};
  Error.captureStackTrace(site, hostCall);
  const promise = new Promise<Answer>((resolve, reject) => {
    pending.set(number, { resolve, reject, site, size });
  });
  unsent.push({ number, kind, json, ...(body === undefined ? {} : { body }) });
  sendWaiting();
  return promise;
}

/** Starts a timer; the host answers it after the time. Returns its number, which is also its id for the author. */
export function startTimer(ms: number, callback: () => void): number {
  if (timers.size >= MAX_TIMERS) throw new RangeError(`setTimeout: more than ${MAX_TIMERS} timers at once.`);
  const number = next++;
  timers.set(number, callback);
  send(number, 'timer', JSON.stringify({ ms, at: guestNow() }), undefined);
  return number;
}

/** Forgets a timer; its answer, if it still comes, is ignored. */
export function stopTimer(id: unknown): void {
  if (typeof id === 'number' && timers.delete(id)) send(id, 'cleared', '', undefined);
}

/** Takes one answer of the host. */
export function deliver(number: number, ok: boolean, json: string, body: string | ArrayBuffer | undefined): void {
  const timer = timers.get(number);
  if (timer !== undefined) {
    timers.delete(number);
    // On its own promise, so that what the callback throws becomes a rejection the host can see.
    Promise.resolve().then(timer);
    return;
  }
  const call = pending.get(number);
  if (call === undefined) return;
  pending.delete(number);
  callsInFlight -= 1;
  bytesInFlight -= call.size;
  if (ok) call.resolve({ value: JSON.parse(json), body });
  else call.reject(refusal(json, call.site));
  sendWaiting();
}

function refusal(json: string, site: { stack?: string }): Error {
  const { code, message, payload } = JSON.parse(json) as { code: string; message: string; payload?: unknown };
  const error = codedError(code, message, payload);
  withStackOf(error, site);
  return error;
}

function sendWaiting(): void {
  for (; unsentFrom < unsent.length; unsentFrom++) {
    const call = unsent[unsentFrom];
    if (call === undefined) continue;
    const size = call.json.length + (call.body?.length ?? 0);
    const isFull = callsInFlight >= maxInFlight || bytesInFlight + size > maxBytesInFlight;
    if (isFull && callsInFlight > 0) return;
    callsInFlight += 1;
    bytesInFlight += size;
    delete unsent[unsentFrom];
    send(call.number, call.kind, call.json, call.body);
  }
  unsent = [];
  unsentFrom = 0;
}
