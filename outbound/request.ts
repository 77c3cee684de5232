/**
 * Calls to other people's APIs: from a script's `nango.get(…)` or `/proxy` to bytes on the wire and back. Here live the
 * providers, which credential goes where, what may be reached, and when to try again. Nothing here knows Postgres,
 * Temporal or the sandbox, reads the environment or logs; a credential is never part of a message, and a body is never
 * parsed. Every address is checked after name resolution, on every hop.
 */
import type { Readable } from 'node:stream';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { EngineError } from '../contract/failures.ts';
import type { RequestConfig, ResponseHead } from '../contract/host.ts';
import { type Tracing, UNTRACED } from '../contract/tracing.ts';
import { type SignRequest, signsRequests } from './auth/sign-request.ts';
import type { Catalogue } from './catalogue.ts';
import type { OutboundConnection, Party } from './connection.ts';
import { createExchange, discard, type Exchange, type ExchangeAnswer, type ExchangeRequest } from './exchange.ts';
import { postponedRefresh, type TokenSource, withFreshToken } from './fresh-token.ts';
import { passedOnHeaders, scriptHeaders } from './headers.ts';
import type { LargeBodies } from './large-bodies.ts';
import { type RawCall, rawCall } from './raw.ts';
import { REWINDABLE_BYTES, readBody, rewindable } from './read-body.ts';
import {
  decideRetry,
  limitAfter,
  type Outcome,
  type Pause,
  pauseAfter,
  type RetryDecision,
  type RetryRules,
} from './retry.ts';
import { traceExchange } from './traced-exchange.ts';
import { NO_TURNS } from './turns.ts';
import { describeFailure, networkCode } from './unreachable.ts';
import { attemptWatched } from './watch.ts';
import { type StreamCall, scriptRequest, streamRequest } from './wire-request.ts';

export type OutboundOptions = {
  readonly catalogue: Catalogue;
  /** NANGO_OUTBOUND_ALLOW: hosts, host:port or CIDR ranges that may be reached although they are not public. */
  readonly allow: readonly string[];
  readonly clock: () => Date;
  /** Renews tokens; without it credentials are taken as they stand. */
  readonly keeper?: TokenSource;
  /** Signs calls of the modes that want it. */
  readonly sign?: SignRequest;
  /** Largest decoded body a script may get. */
  readonly maxResponseBytes: number;
  /** @default 30 000 */
  readonly connectTimeoutMs?: number;
  /** Longest silence before an answer begins, and within one that is read here. @default 300 000 */
  readonly answerTimeoutMs?: number;
  /** @default nobody collects */
  readonly tracing?: Tracing;
  /** Whether the APIs are told. @default false */
  readonly tracesUpstream?: boolean;
  /** @default waits in place */
  readonly sleep?: (waitMs: number, signal: AbortSignal) => Promise<void>;
};

export type StreamHead = {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
};

export type Streamed = { readonly head: StreamHead; readonly body: Readable };

export type ScriptAnswer = { readonly head: ResponseHead; readonly body: Uint8Array };

/** What one attempt came to: an answer of any status, or a failure on the way; and whether and when to try again. */
export type Attempted = {
  readonly decision: RetryDecision;
  /** A limit that the answer says is used up: the next call of the connection waits until then. */
  readonly pause?: Pause | undefined;
} & ({ readonly answer: ScriptAnswer } | { readonly failure: EngineError });

export type Outbound = {
  /**
   * A script's call. Any status is an answer. Throws `upstream_unreachable` (with the network's code in
   * `details.payload.code`), `upstream_refused` for calls that may not or cannot be made, `payload_too_large`.
   */
  readonly request: (
    connection: OutboundConnection,
    config: RequestConfig,
    options: { readonly signal: AbortSignal },
  ) => Promise<ScriptAnswer>;
  /**
   * One attempt of a script's call and what to do after it, for callers that keep the count and the waits themselves
   * (`attempt` counts from 0). A failure that may be retried is part of the result; any other is thrown.
   */
  readonly attempt: (
    connection: OutboundConnection,
    config: RequestConfig,
    options: { readonly signal: AbortSignal; readonly attempt: number; readonly large?: LargeBodies },
  ) => Promise<Attempted>;
  /**
   * A call of `/proxy`: bytes pass unchanged in both directions and are never held as a whole. Throws as `request`; a
   * failure after the head is an error of `body`. A body longer than 1 MiB cannot be sent twice, so such a call is not
   * retried.
   */
  readonly stream: (connection: OutboundConnection, call: StreamCall, signal: AbortSignal) => Promise<Streamed>;
  /** A call without provider and credentials, as `rawCall` says. */
  readonly raw: (
    call: RawCall,
    options: { readonly signal: AbortSignal; readonly large?: LargeBodies },
  ) => Promise<{ readonly head: ResponseHead; readonly body: Uint8Array }>;
  /** Closes the pooled connections. */
  readonly close: () => void;
};

const CONNECT_TIMEOUT_MS = 30_000;
const ANSWER_TIMEOUT_MS = 300_000;
/** A longer wait than this belongs to a durable timer, not to a sleeping process: the refusal itself is handed over. */
export const MAX_WAIT_IN_PLACE_MS = 10_000;

/** Opens the one pool through which all calls of a process go. */
export function createOutbound(options: OutboundOptions): Outbound {
  const { answerTimeoutMs = ANSWER_TIMEOUT_MS, maxResponseBytes: maxBytes } = options;
  const plain = createExchange({
    allow: options.allow,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    answerTimeoutMs,
  });
  const exchange = traceExchange(plain, options.tracing ?? UNTRACED, options.tracesUpstream ?? false);
  const parts: Parts = { ...options, exchange, answerTimeoutMs, sleep: options.sleep ?? sleepInPlace };
  const partyOf = (connection: OutboundConnection): Party => ({
    connection,
    provider: options.catalogue.get(connection.provider),
    clock: options.clock,
  });
  return {
    request: (connection, config, { signal }) => requestAll(parts, { party: partyOf(connection), config, signal }),
    attempt: (connection, config, call) => requestOnce(parts, { party: partyOf(connection), config, ...call }),
    stream: (connection, call, signal) => streamAll(parts, { party: partyOf(connection), call, signal }),
    raw: (call, how) => rawCall(exchange, call, { maxBytes, silentMs: answerTimeoutMs, ...how }),
    close: exchange.close,
  };
}

type Parts = OutboundOptions &
  Required<Pick<OutboundOptions, 'sleep' | 'answerTimeoutMs'>> & { readonly exchange: Exchange };
type ScriptCall = {
  readonly party: Party;
  readonly config: RequestConfig;
  readonly signal: AbortSignal;
  readonly large?: LargeBodies;
};
type ProxyCall = { readonly party: Party; readonly call: StreamCall; readonly signal: AbortSignal };

/** The loop around attempts: looks at each one's decision, waits in place, goes on. */
async function requestAll(parts: Parts, call: ScriptCall): Promise<ScriptAnswer> {
  for (let attempt = 0; ; attempt += 1) {
    const tried = await requestOnce(parts, { ...call, attempt });
    if (waitsInPlace(tried.decision)) {
      await parts.sleep(tried.decision.waitMs, call.signal);
      continue;
    }
    if ('failure' in tried) throw tried.failure;
    return tried.answer;
  }
}

async function requestOnce(parts: Parts, call: ScriptCall & { readonly attempt: number }): Promise<Attempted> {
  const { config, signal, attempt } = call;
  const rules = rulesOf(call.party, config);
  const decide = (outcome: Outcome) =>
    decideRetry(outcome, { attempt, rules, now: parts.clock(), random: Math.random });
  try {
    const token = { party: call.party, headers: config.headers, repeatable: true };
    const { request, received } = await withFreshToken(parts.keeper, token, async (party) => {
      const built = await signed(parts, party, await scriptRequest(party, config));
      return { request: built, received: await parts.exchange.attempt(built, signal) };
    });
    const body = await readAnswer(parts, { answer: received, request, signal, large: call.large });
    const head = { status: received.status, statusText: received.statusText, headers: scriptHeaders(received.headers) };
    const text = () => Buffer.from(body).toString('utf8');
    const pause = pauseAfter(received, rules.provider, parts.clock());
    const decision = decide({ status: received.status, headers: received.headers, text });
    return { answer: { head, body }, decision, pause };
  } catch (error) {
    const postponed = postponedRefresh(error, { attempt, retries: rules.retries, now: parts.clock() });
    if (postponed !== undefined) return postponed;
    const code = networkCode(error);
    if (code === undefined) throw error;
    return { failure: error as EngineError, decision: decide({ networkCode: code }) };
  }
}

async function signed({ sign }: Pick<Parts, 'sign'>, party: Party, request: ExchangeRequest): Promise<ExchangeRequest> {
  if (sign !== undefined) return sign(party, request);
  if (!signsRequests(party)) return request;
  throw new EngineError('internal', `Calls of provider '${party.provider.name}' are signed, and nobody here signs`);
}

async function streamAll(parts: Parts, { party, call, signal }: ProxyCall): Promise<Streamed> {
  const given = rulesOf(party, call);
  const keeps = call.body !== undefined && isWorthKeeping(parts, { party, call, rules: given });
  const body = keeps ? await rewindable(call.body) : call.body;
  const repeatable = body === undefined || body instanceof Uint8Array;
  const rules = repeatable ? given : { ...given, retries: 0 };
  const send = async (fresh: Party) => {
    const request = await signed(parts, fresh, streamRequest(fresh, call, body));
    const { connection } = fresh;
    return { received: await attemptWatched(parts.exchange, { request, connection, signal }, call.watch) };
  };
  const { turns = NO_TURNS } = call;
  const attemptNow = async (attempt: number) => {
    const received = await withFreshToken(parts.keeper, { party, headers: call.headers, repeatable }, send).then(
      (sent) => sent.received,
      orNetworkFailure,
    );
    const outcome = received instanceof EngineError ? { networkCode: networkCode(received) ?? '' } : received;
    const now = parts.clock();
    const decision = decideRetry(outcome, { attempt, rules, now, random: Math.random });
    const pause = pauseAfter(outcome, rules.provider, now);
    return { received, decision, limit: limitAfter({ decision, pause }, now, toldOf(outcome)) };
  };
  for (let attempt = 0; ; attempt += 1) {
    const { received, decision, limit } = await turns.take(() => attemptNow(attempt));
    if (waitsInPlace(decision)) {
      if (!(received instanceof EngineError)) discard(received);
      const wait = () => parts.sleep(decision.waitMs, signal);
      await (decision.askedBy === undefined || limit === undefined ? wait() : turns.hold(limit.until, wait));
      continue;
    }
    if (received instanceof EngineError) throw received;
    const { status, statusText } = received;
    return { head: { status, statusText, headers: passedOnHeaders(received.headers) }, body: received.body };
  }
}

function toldOf(outcome: Outcome): (askedBy: string) => string {
  const status = 'status' in outcome ? outcome.status : 'nothing';
  return (askedBy) => `a call of /proxy was answered with ${status}, ${askedBy} names the time`;
}

/**
 * Whether a body is kept to be sent again. Where the call asks for retries its first bytes are read whatever its length;
 * for those that it has without asking, and for a token that may turn out to be refused, only what is known to be short:
 * a stream of unknown length goes out as it comes.
 */
function isWorthKeeping(
  { keeper }: Pick<Parts, 'keeper'>,
  { party, call, rules }: { readonly party: Party; readonly call: StreamCall; readonly rules: RetryRules },
): boolean {
  if (signsRequests(party) || (rules.retries > 0 && !rules.byDefault)) return true;
  const { length = Number.POSITIVE_INFINITY } = call;
  const mayBeRefused = keeper !== undefined && (party.connection.refreshAt ?? null) !== null;
  return (rules.retries > 0 || mayBeRefused) && length <= REWINDABLE_BYTES;
}

function orNetworkFailure(error: unknown): EngineError {
  if (networkCode(error) === undefined) throw error;
  return error as EngineError;
}

async function readAnswer(
  { maxResponseBytes: maxBytes, answerTimeoutMs }: Parts,
  call: {
    readonly answer: ExchangeAnswer;
    readonly request: ExchangeRequest;
    readonly signal: AbortSignal;
    readonly large: LargeBodies | undefined;
  },
): Promise<Uint8Array> {
  const { answer, request, signal, large } = call;
  const body = await readBody(answer.body, { maxBytes, silentMs: answerTimeoutMs, large }).catch((error) => {
    throw describeFailure(error, request, signal);
  });
  if (body !== undefined) return body;
  throw new EngineError(
    'payload_too_large',
    `The answer of ${request.method} to '${request.url.host}' is larger than ${maxBytes} bytes: fetch it through /proxy, which streams it.`,
  );
}

/** Whether the next attempt is made by this process, now; a longer wait ends the call with what it has. */
function waitsInPlace(decision: RetryDecision): decision is Extract<RetryDecision, { retry: true }> {
  return decision.retry && decision.waitMs <= MAX_WAIT_IN_PLACE_MS;
}

async function sleepInPlace(waitMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleepFor(waitMs, undefined, { signal });
  } catch {
    throw new EngineError('script_aborted', 'A call was aborted while it waited to be tried again', {
      cause: signal.reason,
    });
  }
}

/** What a call that does not say gets, if nothing can come of making it again. */
const DEFAULT_RETRIES = 3;
const HARMLESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

function rulesOf({ provider }: Party, call: Pick<StreamCall, 'retries' | 'retryOn' | 'method'>): RetryRules {
  const common = { retryOn: call.retryOn ?? [], provider: provider.proxy?.retry };
  const byDefault = call.retries === undefined && HARMLESS.has(call.method.toUpperCase());
  if (byDefault) return { ...common, retries: DEFAULT_RETRIES, byDefault };
  return { ...common, retries: Math.max(0, Math.trunc(Number(call.retries ?? 0)) || 0) };
}
