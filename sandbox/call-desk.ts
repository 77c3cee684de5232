/**
 * The worker's side of one run's host calls: executes them against the Host, a bounded number at once, and alone decides
 * the order in which their answers reach the script. A journal takes its place between `take` and `release` later.
 */
import { EngineError, FAILURES, type FailureCode, failureCode } from '../contract/failures.ts';
import type { Host, HostAnswer, HostCallKind } from '../contract/host.ts';
import type { Limits, ScriptFailure } from '../contract/script.ts';
import { checkCall, isCallKind } from './calls.ts';

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
  readonly close: () => void;
};

type Waiting = { readonly number: number; readonly kind: HostCallKind; readonly json: string; readonly body?: string };
type Outcome = Omit<DeskAnswer, 'now'>;

/** Failures that are no answer to the script: a try/catch of the author must not swallow them. */
const ENDS_RUN: ReadonlySet<FailureCode> = new Set([
  'internal',
  'store_unavailable',
  'engine_unavailable',
  'lease_lost',
  'script_aborted',
]);
const MAX_WAITING = 20_000;

/** Opens the desk of one run. `send` gets one answer after the other, `endRun` a failure the script has no say in. */
export function openCallDesk(options: {
  readonly host: Host;
  readonly clock: () => Date;
  readonly limits: Limits;
  readonly send: (answer: DeskAnswer) => void;
  readonly endRun: (failure: ScriptFailure) => void;
}): Desk {
  const { host, limits } = options;
  const stop = new AbortController();
  const timers = new Map<number, NodeJS.Timeout>();
  const waiting: Waiting[] = [];
  const outbox: Outcome[] = [];
  const underway = new Map<number, number>();
  let executing = 0;
  let heldBytes = 0;
  let sentBytes = 0;
  let lastNow = 0;

  /** Answers leave while the child has applied most of what it was sent: memory on both sides stays bounded. */
  const flush = (): void => {
    while (outbox.length > 0 && (sentBytes === 0 || sentBytes < limits.maxFrameBytes)) {
      const outcome = outbox.shift();
      if (outcome === undefined || stop.signal.aborted) return;
      const bytes = sizeOf(outcome);
      heldBytes -= bytes;
      sentBytes += bytes;
      underway.set(outcome.number, bytes);
      lastNow = Math.max(lastNow, options.clock().getTime());
      options.send({ ...outcome, now: lastNow });
    }
  };

  const release = (outcome: Outcome): void => {
    if (stop.signal.aborted) return;
    heldBytes += sizeOf(outcome);
    outbox.push(outcome);
    flush();
  };

  const execute = async (call: Waiting): Promise<void> => {
    executing += 1;
    try {
      release(await answerCall(host, call, limits, stop.signal));
    } catch (error) {
      if (!stop.signal.aborted) options.endRun(failureOf(error));
    } finally {
      executing -= 1;
      start();
    }
  };

  const start = (): void => {
    while (executing < limits.maxCallsInFlight && heldBytes < limits.maxFrameBytes && !stop.signal.aborted) {
      const call = waiting.shift();
      if (call === undefined) return;
      void execute(call);
    }
  };

  const startTimer = (number: number, json: string): void => {
    const { ms } = JSON.parse(json) as { ms: number };
    const wake = (): void => {
      timers.delete(number);
      release({ number, ok: true, json: 'null', body: undefined });
    };
    timers.set(number, setTimeout(wake, Math.min(Math.max(Number(ms) || 0, 0), 2 ** 31 - 1)));
  };

  return {
    take: (number, kind, json, body) => {
      if (timers.size + waiting.length > MAX_WAITING) {
        return options.endRun(failure('script_limit_exceeded', `More than ${MAX_WAITING} calls are waiting.`));
      }
      if (kind === 'timer') return startTimer(number, json);
      if (!isCallKind(kind)) return options.endRun(failure('script_failed', `Host call '${kind}' does not exist.`));
      waiting.push({ number, kind, json, ...(body === undefined ? {} : { body }) });
      start();
    },
    dropTimer: (number) => {
      clearTimeout(timers.get(number));
      timers.delete(number);
    },
    delivered: (number) => {
      sentBytes -= underway.get(number) ?? 0;
      underway.delete(number);
      flush();
      start();
    },
    close: () => {
      stop.abort();
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}

/** Executes one call. Rejects only with what must end the run. */
async function answerCall(host: Host, call: Waiting, limits: Limits, signal: AbortSignal): Promise<Outcome> {
  const checked = checkCall(call.kind, call.json);
  if (!checked.ok) return refusal(call.number, 'script_failed', `Call '${call.kind}' was refused: ${checked.reason}`);
  const method = host[call.kind] as (args: unknown, call: object) => Promise<HostAnswer<unknown>>;
  try {
    const { value, body } = await method(checked.args, { body: call.body, signal });
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
export function failure(code: keyof typeof FAILURES, message: string): ScriptFailure {
  return { code, message, details: {} };
}
