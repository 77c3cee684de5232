/**
 * The worker's side of one run's host calls: answers them from the journal while there is one, executes the rest
 * against the Host, a bounded number at once, and alone decides the order in which answers reach the script. What it
 * delivers it records, so that the next pass of the script hears the same.
 */
import { type EngineError, type FailureCode, failureCode } from '../contract/failures.ts';
import type { CallContext, Host, HostAnswer, HostCallKind } from '../contract/host.ts';
import type { Journal, JournalCall, JournalEntry, JournalKind } from '../contract/journal.ts';
import type { Limits, ScriptFailure, ScriptOutcome } from '../contract/script.ts';
import { openCallTrace } from './call-trace.ts';
import { checkCall, isCallKind, isJsonObject } from './calls.ts';
import { startReplay } from './replay.ts';
import { openWaits } from './waits.ts';

/** An answer on its way into the guest; `now` is the time the script sees from then on. */
export type DeskAnswer = {
  readonly number: number;
  readonly ok: boolean;
  readonly json: string;
  readonly body: string | Uint8Array | undefined;
  readonly now: number;
};

export type Desk = {
  readonly take: (number: number, kind: string, json: string, body: string | undefined) => void;
  readonly dropTimer: (number: number) => void;
  readonly delivered: (number: number) => void;
  /** What a script's end means: one that left answers of its journal untouched went another way. */
  readonly end: (outcome: ScriptOutcome) => ScriptOutcome;
  /** The outcome with the last calls of its script, where it failed. */
  readonly explain: (outcome: ScriptOutcome) => ScriptOutcome;
  /** Whether a call of the script was refused by that code: it may end by it. */
  readonly hasHeard: (code: FailureCode) => boolean;
  /** The process died: calls that must not be made twice are let finish and recorded, all others aborted. */
  readonly salvage: () => Promise<void>;
  /** Begins no further call, and ends the run as suspended once those at work have their answers. */
  readonly interrupt: () => void;
  readonly close: () => void;
};

type Waiting = JournalCall & { readonly kind: HostCallKind };
type Outcome = Omit<DeskAnswer, 'now'>;
type Executing = { readonly call: Waiting; readonly stop: AbortController; readonly done: Promise<void> };

/** Failures that are no answer to the script: a try/catch of the author must not swallow them. */
const ENDS_RUN: ReadonlySet<FailureCode> = new Set([
  'internal',
  'store_unavailable',
  'engine_unavailable',
  'lease_lost',
  'journal_damaged',
  'script_aborted',
  'call_in_doubt',
]);
const MAX_WAITING = 20_000;
/** In frames: the guest may fill one with calls under way, and another while it hears of the end of the first. */
const MOST_TAKEN = 3;
/** Of a name that may be anything, what a message shows. */
const LONGEST_KIND = 40;

/** Opens the desk of one run. `send` gets one answer after the other, `endRun` an end the script has no say in. */
export function openCallDesk(options: {
  readonly host: Host;
  readonly clock: () => Date;
  readonly limits: Limits;
  readonly journal: Journal | undefined;
  readonly send: (answer: DeskAnswer) => void;
  readonly endRun: (outcome: ScriptOutcome) => void;
  /** The journal has been gone through, or there is none; maybe before this function returns. */
  readonly onLive: () => void;
}): Desk {
  const { host, limits, journal, clock } = options;
  const stop = new AbortController();
  const queue: Waiting[] = [];
  const outbox: (Outcome & { readonly entry?: JournalEntry })[] = [];
  const sent = new Map<number, number>();
  const executing = new Map<number, Executing>();
  const calls = new Map<number, JournalCall>();
  const taken = new Map<number, { readonly kind: string; readonly chars: number }>();
  const hashes = new Map<number, string>();
  const heard = new Set<unknown>();
  const trace = openCallTrace();
  const fail = (failed: ScriptFailure): void => options.endRun({ status: 'failed', failure: failed, calls: 0 });
  let heldBytes = 0;
  let sentBytes = 0;
  let lastNow = 0;
  let takenChars = 0;
  let made = 0;
  let isSalvaging = false;
  let isInterrupted = false;

  const putDown = (number: number): void => {
    takenChars -= taken.get(number)?.chars ?? 0;
    taken.delete(number);
    hashes.delete(number);
  };

  /** Asked for before a call is made and when it is recorded; a keyed hash is not made twice. */
  const hashOf = ({ number, kind, json, body }: JournalCall): string => {
    const hash = hashes.get(number) ?? journal?.hash(kind, json, body) ?? '';
    hashes.set(number, hash);
    return hash;
  };

  /** Answers leave while the child has applied most of what it was sent: memory on both sides stays bounded. */
  const flush = (): void => {
    while (outbox.length > 0 && (sentBytes === 0 || sentBytes < limits.maxFrameBytes)) {
      const outcome = outbox.shift();
      if (outcome === undefined || stop.signal.aborted) return;
      const { entry, ...answer } = outcome;
      const bytes = sizeOf(answer);
      heldBytes -= bytes;
      sentBytes += bytes;
      sent.set(answer.number, bytes);
      lastNow = entry?.now ?? Math.max(lastNow, clock().getTime());
      const call = entry === undefined ? calls.get(answer.number) : { kind: entry.kind, json: entry.args };
      if (call !== undefined) trace.note(call, answer);
      if (!answer.ok) heard.add((JSON.parse(answer.json) as { readonly code?: unknown }).code);
      if (entry === undefined) record(answer, lastNow);
      if (!isSalvaging) options.send({ ...answer, now: lastNow });
    }
  };

  const record = (answer: Outcome, now: number): void => {
    const call = calls.get(answer.number);
    calls.delete(answer.number);
    if (journal === undefined || call === undefined) return;
    journal.record({ ...answer, kind: call.kind, argsHash: hashOf(call), args: call.json, now });
  };

  const release = (outcome: Outcome & { readonly entry?: JournalEntry }): void => {
    if (stop.signal.aborted) return;
    heldBytes += sizeOf(outcome);
    outbox.push(outcome);
    flush();
  };

  const waits = openWaits({
    clock,
    isLongWaitAllowed: journal !== undefined,
    /** Nothing but waits: no call at work or queued, no answer on its way, and the guest has applied all it got. */
    isQuiet: () => executing.size === waits.calls() && queue.length === 0 && outbox.length === 0 && sent.size === 0,
    isAtRest: () => executing.size === waits.calls(),
    suspend: (suspension) => options.endRun({ status: 'suspended', suspension, calls: made }),
    onTimer: (number) => release({ number, ok: true, json: 'null', body: undefined }),
  });

  const execute = async (call: Waiting, signal: AbortSignal): Promise<void> => {
    try {
      release(await answerCall(host, call, contextOf(call, signal), limits));
    } catch (error) {
      if (!stop.signal.aborted && !signal.aborted) fail(failureOf(error));
    } finally {
      executing.delete(call.number);
      start();
      waits.look();
    }
  };

  const contextOf = (call: Waiting, signal: AbortSignal): CallContext => ({
    body: call.body,
    signal,
    number: call.number,
    argsHash: hashOf(call),
    pending: journal?.pending.get(call.number),
    wait: (pending, reason, sooner) => waits.wait(pending, reason, { signal, sooner }),
    isAlone: () => executing.size === 1 && queue.length === 0 && waits.timers() === 0,
    restart: () => {
      options.endRun({ status: 'restart', calls: 0 });
      return new Promise<never>(() => undefined);
    },
  });

  const start = (): void => {
    if (isInterrupted) return;
    // Calls that only wait cost nothing: they do not count against those at work.
    while (executing.size - waits.calls() < limits.maxCallsInFlight && heldBytes < limits.maxFrameBytes) {
      const call = stop.signal.aborted ? undefined : queue.shift();
      if (call === undefined) return;
      const own = new AbortController();
      const done = execute(call, own.signal);
      executing.set(call.number, { call, stop: own, done });
    }
  };

  /** A remembered call whose answer was too large to keep. It only reads, and is refused or waits as any other. */
  const fetchAgain = async (held: JournalCall): Promise<Outcome['body']> => {
    const call: Waiting = { ...held, kind: 'request' };
    const own = new AbortController();
    const answer = answerCall(host, call, contextOf(call, own.signal), limits);
    const done = answer.then(
      () => undefined,
      () => undefined,
    );
    executing.set(call.number, { call, stop: own, done });
    waits.begin();
    try {
      return (await answer).body;
    } finally {
      executing.delete(call.number);
    }
  };

  const goLive = (call: JournalCall): void => {
    calls.set(call.number, call);
    if (call.kind === 'timer') return waits.startTimer(call.number, call.json);
    queue.push({ ...call, kind: call.kind });
    start();
  };

  const replay =
    journal &&
    startReplay(journal, {
      answer: (entry) => release({ number: entry.number, ok: entry.ok, json: entry.json, body: entry.body, entry }),
      fetchAgain,
      goLive: (held) => {
        options.onLive();
        for (const call of held) goLive(call);
        waits.begin();
      },
      diverged: (reason) => options.endRun({ status: 'diverged', reason, calls: 0 }),
      failed: (error) => {
        if (failureCode(error) !== 'journal_damaged') return fail(failureOf(error));
        options.endRun({ status: 'diverged', reason: (error as EngineError).message, calls: 0 });
      },
    });
  if (replay === undefined) {
    options.onLive();
    waits.begin();
  }

  return {
    take: (number, kind, json, body) => {
      if (waits.timers() + queue.length > MAX_WAITING) {
        return fail(failure('script_limit_exceeded', `More than ${MAX_WAITING} calls are waiting.`));
      }
      if (kind !== 'timer' && !isCallKind(kind)) {
        return fail(failure('script_failed', `Host call '${kind.slice(0, LONGEST_KIND)}' does not exist.`));
      }
      if (!isJsonObject(json)) {
        return fail(failure('script_failed', `Host call '${kind}' has arguments that are no JSON.`));
      }
      const chars = json.length + (body?.length ?? 0);
      takenChars += chars;
      // The prelude keeps both by itself; whoever does not has broken into it.
      if (!Number.isSafeInteger(number) || number < 0 || taken.has(number)) {
        return fail(failure('script_failed', `Host call '${kind}' has the number of another one.`));
      }
      if (takenChars > MOST_TAKEN * limits.maxFrameBytes) {
        return fail(failure('script_limit_exceeded', 'The calls under way carry more than the engine holds.'));
      }
      taken.set(number, { kind, chars });
      made = Math.max(made, number + 1);
      const call: JournalCall = { number, kind: kind as JournalKind, json, body };
      if (!replay?.hold(call)) goLive(call);
    },
    dropTimer: (number) => {
      if (taken.get(number)?.kind !== 'timer') return;
      putDown(number);
      replay?.drop(number);
      calls.delete(number);
      waits.dropTimer(number);
    },
    delivered: (number) => {
      putDown(number);
      sentBytes -= sent.get(number) ?? 0;
      sent.delete(number);
      flush();
      start();
      if (sent.size + outbox.length + executing.size === 0) replay?.onIdle();
      waits.look();
    },
    end: (outcome) => {
      if (!replay?.hasRest()) return outcome;
      return { status: 'diverged', reason: 'the script ended before the answers of its journal did', calls: 0 };
    },
    explain: (outcome) => {
      if (outcome.status !== 'failed') return outcome;
      const lastCalls = trace.lines([...executing.values()].map(({ call }) => call));
      if (lastCalls.length === 0) return outcome;
      const { failure: failed } = outcome;
      return { ...outcome, failure: { ...failed, details: { ...failed.details, lastCalls } } };
    },
    hasHeard: (code) => heard.has(code),
    salvage: async () => {
      isSalvaging = true;
      queue.length = 0;
      waits.close();
      const kept = [...executing.values()].filter(({ call }) => mayNotRepeat(call) && !waits.isWaiting(call.number));
      for (const one of executing.values()) if (!kept.includes(one)) one.stop.abort();
      await Promise.all(kept.map(({ done }) => done));
      sentBytes = 0;
      flush();
    },
    interrupt: () => {
      isInterrupted = true;
      waits.interrupt();
    },
    close: () => {
      stop.abort();
      for (const one of executing.values()) one.stop.abort();
      waits.close();
    },
  };
}

// What is aborted here is made again by the next pass; only what may not be is worth waiting for.
function mayNotRepeat({ kind, json }: Waiting): boolean {
  if (kind !== 'request' && kind !== 'uncontrolledFetch') return false;
  // Read, not searched for: what a call sends may name methods of its own.
  const { config, method = config?.method }: Aimed = JSON.parse(json);
  return method !== 'GET' && method !== 'HEAD';
}

type Aimed = { readonly config?: { readonly method?: unknown } | null; readonly method?: unknown };

/** Executes one call. Rejects only with what must end the run. */
async function answerCall(host: Host, call: Waiting, context: CallContext, limits: Limits): Promise<Outcome> {
  const checked = checkCall(call.kind, call.json);
  if (!checked.ok) return refusal(call.number, 'script_failed', `Call '${call.kind}' was refused: ${checked.reason}`);
  const method = host[call.kind] as (args: unknown, call: CallContext) => Promise<HostAnswer<unknown>>;
  try {
    const { value, body } = await method(checked.args, context);
    const outcome: Outcome = { number: call.number, ok: true, json: JSON.stringify(value ?? null), body };
    const bytes = sizeOf(outcome);
    if (bytes <= limits.maxFrameBytes) return outcome;
    const message = `The answer has ${bytes} bytes: at most ${limits.maxFrameBytes} are expected. Ask for smaller pages.`;
    return refusal(call.number, 'script_limit_exceeded', message);
  } catch (error) {
    const code = failureCode(error);
    if (code === undefined || ENDS_RUN.has(code)) throw error;
    const { message, details } = error as EngineError;
    return refusal(call.number, code, message, details?.payload);
  }
}

function refusal(number: number, code: FailureCode, message: string, payload?: unknown): Outcome {
  return { number, ok: false, json: JSON.stringify({ code, message, payload }), body: undefined };
}

function sizeOf({ json, body }: Outcome): number {
  // Three bytes a character would refuse what fits; the exact count is worth it only near the limit.
  return json.length + (typeof body === 'string' ? Buffer.byteLength(body) : (body?.byteLength ?? 0));
}

function failureOf(error: unknown): ScriptFailure {
  const code = failureCode(error);
  // The text of an error that is not ours may hold anything; it goes nowhere near an author.
  if (code === undefined) return failure('internal', 'A host call failed for a reason inside the engine.');
  const { message, details } = error as EngineError;
  return { code, message, details: details ?? {} };
}

/** A failure without further details. */
export function failure(code: FailureCode, message: string): ScriptFailure {
  return { code, message, details: {} };
}
