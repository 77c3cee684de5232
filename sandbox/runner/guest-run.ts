/**
 * One script in one isolate. Everything the guest does happens inside one `enter`; answers enter one at a time, each
 * followed by a drained microtask queue, so the order in which the worker sent them is the order the script sees.
 */
import type { RunKind } from '../../contract/script.ts';
import ivm from 'isolated-vm';
import { type Debugging, openDebugging } from './debugging.ts';
import { type HeapWatch, openHeapWatch } from './heap-watch.ts';
import { pauseAndLocate } from './pause.ts';
import type { Prepared, WarmIsolates } from './warm.ts';

/** The name under which author code appears in stacks. */
const SCRIPT_FILE = 'script.js';

export type RunRequest = {
  readonly kind: RunKind;
  readonly scriptJson: string;
  readonly code: string;
  readonly input: string | undefined;
  readonly memoryMb: number;
  readonly cpuMs: number;
  readonly maxFrameBytes: number;
  /** The script waits for a debugger; its processor time and its heap are not watched. */
  readonly isDebugged: boolean;
};

export type AnswerRequest = {
  readonly number: number;
  readonly ok: boolean;
  readonly json: string;
  readonly body: string | Uint8Array | undefined;
  readonly now: number;
};

/** How a run ended inside the child; the worker turns it into words and the author's positions. */
export type GuestEnd =
  | { readonly end: 'completed' }
  | { readonly end: 'thrown'; readonly error: unknown; readonly phase: 'compile' | 'run' }
  | { readonly end: 'stuck' | 'memory' | 'output' | 'flood' }
  | { readonly end: 'cpu'; readonly line?: number; readonly column?: number };

export type GuestEvents = {
  readonly call: (number: number, kind: string, json: string, body: string | undefined) => void;
  readonly timerCleared: (number: number) => void;
  readonly delivered: (number: number, waiting: number) => void;
  readonly ended: (end: GuestEnd, calls: number, output: string | undefined) => void;
  readonly toDebugger: (message: string) => void;
  /** The process had an isolate without memory: no new runs should come. */
  readonly retire: () => void;
  /** The isolate does not let go of its thread; only the end of the process stops it. `grows`: it still takes memory. */
  readonly poisoned: (grows: boolean) => void;
};

/** What the runs of a process share. */
export type Surroundings = {
  readonly warm: WarmIsolates;
  /** Resident bytes of the process as of the last look at it, some milliseconds ago: asking the system takes longer than an answer. */
  readonly recentRss: () => number;
};

/** What an honest prelude never exceeds (its timers are limited to 10,000): the guest has broken into it. */
const MAX_OUTSTANDING = 20_000;
/** The prelude writes JSON with what the script may have put in the place of `JSON.stringify`. */
const BROKEN = 'what it says to the engine is no JSON';
/** Some of V8's own loops heed neither interrupts nor the end of their isolate. */
const LET_GO_MS = 500;
const MB = 1024 * 1024;
const SILENT_MS = 300;
/** Of what a heap has in use, how much of the process it takes with the garbage that is still there. */
const GARBAGE = 2;
/** An idle isolate is asked again when it has worked since and this time is over, or sooner if the process has grown so far. */
const IDLE_ASK_MS = 1000;
const GROWING_ASK_MS = 100;
const GROWN_BYTES = 16 * MB;
const BUSY_MS = 150;

type Send = (number: number, kind: string, json: string, body: string | undefined) => void;

/** Starts a run; the returned functions never throw, everything comes back as an event. */
export function startGuestRun({ warm, recentRss }: Surroundings, request: RunRequest, events: GuestEvents) {
  const outstanding = new Map<number, string>();
  const inbox: AnswerRequest[] = [];
  let prepared: Prepared | undefined;
  let enter: ivm.Reference | undefined;
  let isOver = false;
  let isBusy = true;
  let calls = 0;
  let enteredAt: bigint | undefined;
  let enteredRss = 0;
  let usedBytes: number | undefined;
  let heap: HeapWatch | undefined;
  let debugging: Debugging | undefined;
  let early: string[] = [];
  let askedAt = 0;
  let askedRss = 0;
  let hasWorked = true;
  let isAsking = false;
  let insideAt = 0;
  let isInside = false;
  let vanishedAt: number | undefined;
  let settled: { readonly end: GuestEnd; readonly output: string | undefined } | undefined;
  let saveFailure: GuestEnd | undefined;

  const dispose = (): void => {
    isOver = true;
    const isolate = prepared?.isolate;
    const isIdle = !isInside;
    if (heap !== undefined && isInside) events.retire();
    const closing = Promise.all([heap?.close(isIdle), debugging?.close(isIdle)]);
    const waits = isIdle && (heap !== undefined || debugging !== undefined);
    if (isolate !== undefined && waits) void closing.then(() => disposeOf(isolate));
    if (isolate !== undefined && !waits) disposeOf(isolate);
    if (isInside) setTimeout(() => isInside && events.poisoned(false), LET_GO_MS);
  };

  const finish = (end: GuestEnd, output?: string): void => {
    if (isOver) return;
    if (end.end === 'memory' || end.end === 'cpu') events.retire();
    dispose();
    events.ended(end, calls, output);
  };

  /** An isolate that is not busy answers by itself, between two entries; each question wakes a thread. */
  const askIdle = (isolate: ivm.Isolate, rss: number): void => {
    const patienceMs = rss - askedRss > GROWN_BYTES ? GROWING_ASK_MS : IDLE_ASK_MS;
    if (isAsking || !hasWorked || performance.now() - askedAt < patienceMs) return;
    askedAt = performance.now();
    askedRss = rss;
    isAsking = true;
    hasWorked = false;
    isolate
      .getHeapStatistics()
      .then(({ used_heap_size: used, externally_allocated_size: external }) => onHeap(used + external))
      .catch(() => undefined)
      .finally(() => {
        isAsking = false;
      });
  };

  const isSilent = (): boolean => prepared?.isolate.isDisposed === true || (heap?.silentMs() ?? 0) > SILENT_MS;

  /** V8 took the isolate down for want of memory; isolated-vm does not always say so to whoever is inside. */
  const onVanished = (): void => {
    vanishedAt ??= performance.now();
    if (performance.now() - vanishedAt > LET_GO_MS) finish({ end: 'memory' });
  };

  const onHeap = (bytes: number): void => {
    usedBytes = bytes;
    // V8 collects garbage before it passes its limit, so what is this far over it is in use.
    if (bytes > (request.memoryMb + Math.max(16, request.memoryMb / 4)) * MB) finish({ end: 'memory' });
  };

  const onGuest: Send = (...call) => {
    try {
      onCall(...call);
    } catch {
      finish({ end: 'thrown', phase: 'run', error: { name: 'Error', message: BROKEN } });
    }
  };

  const onCall: Send = (number, kind, json, body) => {
    if (isOver) return;
    if (kind === 'settled') return onSettled(json, body);
    if (kind === 'cleared') {
      // Whoever names another call has broken into the prelude; its answer is still to come.
      if (outstanding.get(number) !== 'timer') return;
      outstanding.delete(number);
      events.timerCleared(number);
      return;
    }
    if (kind === 'saveFailed') {
      saveFailure ??= { end: 'thrown', error: JSON.parse(json), phase: 'run' };
      return;
    }
    if (kind === 'timer' && settled !== undefined) return;
    calls += 1;
    outstanding.set(number, kind);
    if (outstanding.size > MAX_OUTSTANDING) return finish({ end: 'flood' });
    events.call(number, kind, json, body);
  };

  const onSettled = (json: string, output: string | undefined): void => {
    const { ok, error } = JSON.parse(json) as { ok: boolean; error?: unknown };
    const isLarge = output !== undefined && Buffer.byteLength(output) > request.maxFrameBytes;
    const end: GuestEnd = ok ? { end: isLarge ? 'output' : 'completed' } : { end: 'thrown', error, phase: 'run' };
    settled = { end, output: isLarge ? undefined : output };
    // The script is over: a timer that is still waiting has nobody left to wake.
    for (const [number, kind] of outstanding) {
      if (kind !== 'timer') continue;
      outstanding.delete(number);
      events.timerCleared(number);
    }
  };

  /** One way in: apply, then look at what the guest left behind. */
  const enterGuest = async (args: unknown[]): Promise<void> => {
    if (isOver || enter === undefined || prepared === undefined) return;
    const into = enter;
    try {
      await watched(prepared.isolate, () => into.apply(undefined, args as never[]));
    } catch (error) {
      await onRejection(error);
    }
  };

  /** Processor time and memory of what is in there are looked at. */
  const watched = async <T>(isolate: ivm.Isolate, work: () => Promise<T>): Promise<T> => {
    enteredAt = isolate.cpuTime;
    enteredRss = recentRss();
    insideAt = performance.now();
    isInside = true;
    hasWorked = true;
    try {
      return await work();
    } finally {
      isInside = false;
      enteredAt = undefined;
    }
  };

  /** isolated-vm reports the first promise left rejected after a drain; a disposed isolate ends here as well. */
  const onRejection = async (error: unknown): Promise<void> => {
    if (isOver || prepared === undefined) return;
    if (prepared.isolate.isDisposed) return finish({ end: 'memory' });
    const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
    await enterGuest(['unhandled', String(message)]);
  };

  const check = (): void => {
    if (isOver || outstanding.size > 0) return;
    if (settled === undefined) return finish({ end: 'stuck' });
    const isDone = settled.end.end === 'completed';
    finish(isDone && saveFailure !== undefined ? saveFailure : settled.end, settled.output);
  };

  const pump = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    for (let answer = inbox.shift(); answer !== undefined && !isOver; answer = inbox.shift()) {
      if (isTooLarge(answer.body, request.memoryMb)) return finish({ end: 'memory' });
      if (outstanding.delete(answer.number)) await enterGuest(deliveryArguments(answer));
      if (!isOver) events.delivered(answer.number, outstanding.size);
    }
    isBusy = false;
    check();
  };

  const begin = async (): Promise<void> => {
    const usesZod = /zod/i.test(request.code);
    prepared = await warm.take(request.memoryMb, usesZod);
    if (isOver) return prepared.isolate.dispose();
    const { isolate, context, boot } = prepared;
    const callback = new ivm.Callback(onGuest, { ignored: true });
    enter = (await boot.apply(undefined, [callback], { result: { reference: true } })) as ivm.Reference;
    if (usesZod) await enterGuest(['zod', (prepared.zod ?? (await warm.loadZod(prepared))).derefInto()]);
    if (request.isDebugged) {
      debugging = openDebugging(isolate, events.toDebugger);
      for (const message of early) debugging.take(message);
      early = [];
    }
    // A text that closes the function it is put into runs right here.
    const load = await watched(isolate, () => compile(isolate, context, request.code));
    await debugging?.ready;
    await enterGuest(['start', request.scriptJson, load.derefInto(), request.input]);
    isBusy = false;
    if (inbox.length > 0) return pump();
    check();
  };

  begin().catch((error: unknown) => {
    if (prepared?.isolate.isDisposed) return finish({ end: 'memory' });
    const { name, message, stack } = error as Error;
    finish({ end: 'thrown', phase: 'compile', error: { name, message, stack } });
  });

  return {
    answer: (answer: AnswerRequest): void => {
      inbox.push(answer);
      void pump();
    },
    /** What a debugger says to the script. */
    fromDebugger: (message: string): void => {
      if (debugging === undefined) early.push(message);
      else if (!isOver) debugging.take(message);
    },
    /** Ends the run at once, also in an endless loop; nothing more is said about it. */
    stop: dispose,
    isOf: (isolate: ivm.Isolate): boolean => prepared?.isolate === isolate,
    /** Looked at several times a second; ends a run that computes for too long between two host calls. */
    watchCpu: async (): Promise<void> => {
      if (isOver || prepared === undefined || enteredAt === undefined || request.isDebugged) return;
      const { isolate } = prepared;
      if (isolate.isDisposed) return onVanished();
      if (isolate.cpuTime - enteredAt < BigInt(request.cpuMs) * 1_000_000n) return;
      enteredAt = undefined;
      const place = await pauseAndLocate(isolate, SCRIPT_FILE);
      finish({ end: 'cpu', ...place });
    },
    /** Hears each look at the process: it may have shrunk between the one before the entry and the entry. */
    heedRss: (rss: number): void => {
      enteredRss = Math.min(enteredRss, rss);
    },
    /** Bytes of the process that may be this run's: all that it may have, where its isolate has not said how much it has. */
    mayHold: (): number => {
      const limit = request.memoryMb * MB;
      return isOver ? 0 : isSilent() || usedBytes === undefined ? limit : Math.min(limit, GARBAGE * usedBytes);
    },
    /**
     * Looked at many times a second while the process is large; ends a run that is over its memory. Growth of the process
     * that other runs may be the cause of, which may hold `othersBytes`, is not laid at this one's door.
     */
    watchHeap: (rss: number, othersBytes: number): void => {
      if (isOver || prepared === undefined || request.isDebugged) return;
      if (prepared.isolate.isDisposed && !isInside) return;
      const grows = rss - enteredRss - othersBytes > request.memoryMb * MB;
      if (isInside && grows && isSilent()) {
        finish({ end: 'memory' });
        events.poisoned(true);
        return;
      }
      if (prepared.isolate.isDisposed) return;
      // Only a busy isolate is asked through its inspector, which is not free of danger for those that end meanwhile.
      if (!isInside || performance.now() - insideAt < BUSY_MS) return askIdle(prepared.isolate, rss);
      heap ??= openHeapWatch(prepared.isolate, onHeap);
      heap.ask();
    },
  };
}

export type GuestRun = ReturnType<typeof startGuestRun>;

/** The bundle as a function of module, exports and require; its line numbers stay the bundle's own. */
async function compile(isolate: ivm.Isolate, context: ivm.Context, code: string): Promise<ivm.Reference> {
  const text = `(function (module, exports, require) {\n${code}\n})`;
  const script = await isolate.compileScript(text, { filename: SCRIPT_FILE, lineOffset: -1 });
  return script.run(context, { reference: true });
}

function disposeOf(isolate: ivm.Isolate): void {
  if (!isolate.isDisposed) isolate.dispose();
}

/** A copy that does not fit would not fail in the guest, it would abort this whole process. */
function isTooLarge(body: AnswerRequest['body'], memoryMb: number): boolean {
  return body !== undefined && body.length * 2 > memoryMb * MB;
}

function deliveryArguments({ number, ok, json, body, now }: AnswerRequest): unknown[] {
  if (body === undefined || typeof body === 'string') return ['deliver', number, ok, json, body, now];
  const bytes = new Uint8Array(body);
  const copy = new ivm.ExternalCopy(bytes.buffer, { transferOut: true });
  return ['deliver', number, ok, json, copy.copyInto({ release: true, transferIn: true }), now];
}
