/** AbortController and AbortSignal, as far as a script without `fetch` can use them. */
import { startTimer } from './calls.ts';

type Listener = ((event: { readonly type: 'abort'; readonly target: AbortSignal }) => void) | null;

/** Only these constructors may make a signal. */
const KEY = Symbol('abort');

export class AbortSignal {
  aborted = false;
  reason: unknown = undefined;
  onabort: Listener = null;
  readonly #listeners = new Set<NonNullable<Listener>>();

  constructor(key: unknown) {
    if (key !== KEY) throw new TypeError('Illegal constructor: use new AbortController().signal.');
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(KEY);
    signal.fire(KEY, reason);
    return signal;
  }

  static timeout(ms: number): AbortSignal {
    const signal = new AbortSignal(KEY);
    startTimer(ms, () => signal.fire(KEY, named('TimeoutError', 'The operation was aborted due to timeout')));
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const signal = new AbortSignal(KEY);
    for (const source of signals) {
      if (source.aborted) signal.fire(KEY, source.reason);
      source.addEventListener('abort', () => signal.fire(KEY, source.reason));
    }
    return signal;
  }

  addEventListener(type: string, listener: Listener): void {
    if (type === 'abort' && listener !== null) this.#listeners.add(listener);
  }

  removeEventListener(_type: string, listener: Listener): void {
    if (listener !== null) this.#listeners.delete(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  fire(key: unknown, reason: unknown): void {
    if (key !== KEY || this.aborted) return;
    this.aborted = true;
    this.reason = reason === undefined ? named('AbortError', 'This operation was aborted') : reason;
    const event = { type: 'abort', target: this } as const;
    for (const listener of [this.onabort, ...this.#listeners]) listener?.(event);
  }
}

export class AbortController {
  readonly signal = new AbortSignal(KEY);

  abort(reason?: unknown): void {
    this.signal.fire(KEY, reason);
  }
}

function named(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}
