/** Puts the shims on the guest's global object and takes away what would let two runs of one journal differ. */
import { AbortController, AbortSignal } from './abort.ts';
import { startTimer, stopTimer } from './calls.ts';
import { installClock } from './clock.ts';
import { crypto } from './crypto.ts';
import { atob, btoa, TextDecoder, TextEncoder } from './encoding.ts';
import { consoleShim } from './log.ts';
import { bufferModule } from './node-buffer.ts';
import { installRandom } from './random.ts';

declare const require: (name: string) => unknown;

const REMOVED = [
  ...['WeakRef', 'FinalizationRegistry', 'Atomics', 'SharedArrayBuffer', 'WebAssembly', 'Temporal', 'ShadowRealm'],
  ...['eval', 'escape', 'unescape'].slice(0, 1),
];

/** The engine's own Function, which zod needs to be fast; author code gets one that refuses. */
export const OwnFunction = Function;

/** Installs everything; runs once, before any author code. */
export function installGlobals(): void {
  for (const name of REMOVED) Reflect.deleteProperty(globalThis, name);
  installClock();
  installRandom();
  refuseCodeFromText();
  define('TextEncoder', TextEncoder);
  define('TextDecoder', TextDecoder);
  define('atob', atob);
  define('btoa', btoa);
  define('AbortController', AbortController);
  define('AbortSignal', AbortSignal);
  define('console', consoleShim);
  define('setTimeout', guestSetTimeout);
  define('clearTimeout', (id: unknown) => stopTimer(id));
  define('queueMicrotask', (task: () => void) => void Promise.resolve().then(task));
  define('global', globalThis);
  defineLazily('crypto', () => crypto);
  defineLazily('Buffer', () => bufferModule().Buffer);
  defineLazily('structuredClone', () => loaded('structuredClone', () => require('core-js/actual/structured-clone.js')));
  const url = () => require('core-js/actual/url/index.js');
  defineLazily('URL', () => loaded('URL', url));
  defineLazily('URLSearchParams', () => loaded('URLSearchParams', url));
  Error.stackTraceLimit = 30;
}

function guestSetTimeout(callback: unknown, ms?: unknown, ...args: unknown[]): number {
  if (typeof callback !== 'function') throw new TypeError('setTimeout: the first argument must be a function.');
  const wait = Number(ms);
  return startTimer(wait > 0 ? Math.min(wait, 2 ** 31 - 1) : 0, () => Reflect.apply(callback, undefined, args));
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
}

function defineLazily(name: string, load: () => unknown): void {
  const get = (): unknown => {
    const value = load();
    define(name, value);
    return value;
  };
  Object.defineProperty(globalThis, name, {
    get,
    set: (value) => define(name, value),
    enumerable: false,
    configurable: true,
  });
}

/** Runs a core-js module, which puts its names on the global object itself, and reads one of them. */
function loaded(name: string, run: () => unknown): unknown {
  for (const lazy of ['URL', 'URLSearchParams', 'structuredClone']) {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, lazy);
    // Only those of the same module; a lazy getter still in place would run this again.
    if (descriptor?.get !== undefined && (lazy === 'structuredClone') === (name === 'structuredClone')) {
      Reflect.deleteProperty(globalThis, lazy);
    }
  }
  run();
  return Object.getOwnPropertyDescriptor(globalThis, name)?.value;
}

/** `new Function(text)` and its three relatives, also where a prototype's `constructor` leads to them. */
function refuseCodeFromText(): void {
  const kinds = [function () {}, async function () {}, function* () {}, async function* () {}];
  for (const kind of kinds) {
    const prototype = Object.getPrototypeOf(kind) as object;
    const name = (prototype.constructor as { name: string }).name;
    const refuse = function (): never {
      throw new EvalError(`${name}: code from text is switched off in scripts.`);
    };
    Object.defineProperty(refuse, 'name', { value: name, configurable: true });
    Object.defineProperty(refuse, 'prototype', { value: prototype, writable: false });
    Object.defineProperty(prototype, 'constructor', { value: refuse, writable: false, configurable: false });
    if (name === 'Function') define('Function', refuse);
  }
}
