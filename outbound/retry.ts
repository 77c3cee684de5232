/** Whether a failed call is tried again, and when. Pure: the loop that obeys it lives in request.ts. */
import { msAfter, msUntil } from './named-wait.ts';
import type { ProviderRetry } from './provider.ts';
import { isCounterSpent, paceOf, rateLimitWindows, spentOf, type Window } from './rate-limit.ts';
import { isPassing } from './unreachable.ts';

/** What one attempt came to. `text` is the answer's body, where it is at hand. */
export type Outcome =
  | {
      readonly status: number;
      readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
      readonly text?: () => string;
    }
  | { readonly networkCode: string };

export type RetryRules = {
  /** How many further attempts the call grants. */
  readonly retries: number;
  /** The call did not ask for them and may be repeated without harm: only what is sure to pass is tried again. */
  readonly byDefault?: boolean;
  /** Further statuses that the call wants retried. */
  readonly retryOn: readonly number[];
  readonly provider: ProviderRetry | undefined;
};

export type RetryDecision =
  | { readonly retry: false }
  /** `askedBy`: the header that names the wait; absent for our own back-off. */
  | { readonly retry: true; readonly waitMs: number; readonly askedBy?: string };

const GIVE_UP: RetryDecision = { retry: false };
const BACK_OFF_MS = 1_000;
const MAX_BACK_OFF_MS = 10_000;
const SURE_TO_PASS: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * Decides after attempt number `attempt` (from 0). Network failures that pass, 429, 5xx, the call's `retryOn` and a
 * provider's spent limit are retried while `retries` last. The wait is the longest one the answer's headers name, in
 * full; without any it doubles from 1 s to at most 10 s, half of it random so that callers spread out.
 */
export function decideRetry(
  outcome: Outcome,
  call: { readonly attempt: number; readonly rules: RetryRules; readonly now: Date; readonly random: () => number },
): RetryDecision {
  const { attempt, rules, now } = call;
  if (attempt >= rules.retries) return GIVE_UP;
  if ('networkCode' in outcome) return isPassing(outcome.networkCode) ? backOff(attempt, call.random) : GIVE_UP;
  if (!isRetryable(outcome, rules)) return GIVE_UP;
  return waitAsked(outcome, rules, now) ?? backOff(attempt, call.random);
}

type Answer = Extract<Outcome, { status: number }>;

function isRetryable(answer: Answer, { retryOn, provider, byDefault }: RetryRules): boolean {
  if (answer.status < 400) return false;
  if (retryOn.includes(answer.status) || isSpent(answer, provider)) return true;
  if (provider?.error_code !== undefined) return provider.error_code.some((pattern) => matches(pattern, answer.status));
  if (byDefault) return SURE_TO_PASS.has(answer.status);
  return answer.status === 429 || answer.status >= 500;
}

// Some APIs refuse a spent limit with 403 and say so in a header only (GitHub).
function isSpent(answer: Answer, provider: ProviderRetry | undefined): boolean {
  return isCounterSpent(answer.headers, provider);
}

function matches(pattern: string, status: number): boolean {
  const [from, to] = pattern.split('-');
  if (to !== undefined) return status >= Number(from) && status <= Number(to);
  return /^[1-5]xx$/i.test(pattern) ? String(status).startsWith(pattern.charAt(0)) : Number(pattern) === status;
}

/** `at` beats `after` beats what the body says beats the plain Retry-After; the longest of several headers wins. */
function waitAsked(answer: Answer, { provider }: RetryRules, now: Date): RetryDecision | undefined {
  const until = (text: string) => msUntil(text, now);
  const after = (text: string) => msAfter(text, now);
  // Reset headers stand on every answer of some APIs: neither a 502 nor another limit (GitHub's secondary ones, which
  // name theirs in Retry-After) must wait for the end of a window that is not spent.
  const limited = answer.status < 500 ? !hasLeft(answer, provider) : isSpent(answer, provider);
  // Beside a counter, the time to wait is that of its window too.
  const isOfWindow = provider?.remaining !== undefined;
  return (
    (limited ? longest(answer, provider?.at ?? [], until) : undefined) ??
    (limited || !isOfWindow ? longest(answer, provider?.after ?? [], after) : undefined) ??
    saidInBody(answer, provider, now) ??
    longest(answer, ['retry-after'], after) ??
    (limited ? byWindows(answer, now) : undefined)
  );
}

function hasLeft(answer: Answer, provider: ProviderRetry | undefined): boolean {
  const left = provider?.remaining === undefined ? undefined : headerOf(answer, provider.remaining);
  return Number(left ?? 0) > 0;
}

/** The wait that a JSON body names: the first group of the pattern in the value at the dotted path. */
function saidInBody(answer: Answer, provider: ProviderRetry | undefined, now: Date): RetryDecision | undefined {
  const rule = provider?.in_body;
  if (rule === undefined || answer.text === undefined) return undefined;
  // Some files write the pattern with its slashes.
  const pattern = /^\/(.*)\/[a-z]*$/s.exec(rule.value)?.[1] ?? rule.value;
  const found = new RegExp(pattern).exec(String(valueAt(answer.text(), rule.path) ?? ''))?.[1]?.trim();
  if (found === undefined) return undefined;
  const waitMs = rule.strategy === 'at' ? msUntil(found, now) : msAfter(found, now);
  return waitMs >= 0 && Number.isFinite(waitMs) ? { retry: true, waitMs, askedBy: rule.path } : undefined;
}

function valueAt(json: string, path: string): unknown {
  try {
    let value: unknown = JSON.parse(json);
    for (const key of path.split('.')) value = (value as Record<string, unknown> | null | undefined)?.[key];
    return value;
  } catch {
    return undefined;
  }
}

function longest(answer: Answer, names: readonly string[], read: (text: string) => number): RetryDecision | undefined {
  let best: { waitMs: number; askedBy: string } | undefined;
  for (const name of names) {
    const text = headerOf(answer, name);
    const waitMs = text === undefined ? Number.NaN : read(text.trim());
    // A moment in the past, an unreadable text and an endless wait name none.
    if (waitMs > (best?.waitMs ?? -1) && Number.isFinite(waitMs)) best = { waitMs, askedBy: name.toLowerCase() };
  }
  return best && { retry: true, ...best };
}

function backOff(attempt: number, random: () => number): RetryDecision {
  const ceiling = Math.min(MAX_BACK_OFF_MS, BACK_OFF_MS * 2 ** attempt);
  return { retry: true, waitMs: Math.round((ceiling / 2) * (1 + random())) };
}

function headerOf(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name.toLowerCase()];
  return typeof value === 'string' ? value : value?.join(', ');
}

/** The spent window that lasts longest; a 429 that shows none spent is taken to mean the shortest. */
function byWindows(answer: Answer, now: Date): RetryDecision | undefined {
  const windows = rateLimitWindows(answer.headers, now);
  const spent = spentOf(windows);
  if (spent === undefined && (answer.status !== 429 || windows.length === 0)) return undefined;
  return {
    retry: true,
    waitMs: spent?.waitMs ?? Math.min(...windows.map(({ resetMs }) => resetMs)),
    askedBy: 'ratelimit',
  };
}

/** Until when an API wants to hear nothing more. */
export type Pause = { readonly until: Date; readonly reason: string };

/**
 * What the next call must wait for: a limit that this answer, whatever its status, says is used up or nearly so, or a 429
 * that names a time although its own call is not tried again.
 */
export function pauseAfter(outcome: Outcome, provider: ProviderRetry | undefined, now: Date): Pause | undefined {
  if ('networkCode' in outcome) return undefined;
  const windows = rateLimitWindows(outcome.headers, now);
  const spent = spentOf(windows);
  if (spent !== undefined) {
    return { until: new Date(now.getTime() + spent.waitMs), reason: `the limit '${spent.name}' of the API is used up` };
  }
  if (!isSpent(outcome, provider) && outcome.status !== 429)
    return paced([...windows, ...ownWindow(outcome, provider, now)], now);
  const asked = waitAsked(outcome, { retries: 0, retryOn: [], provider }, now);
  if (!asked?.retry || asked.askedBy === undefined) return undefined;
  const reason = `the limit of the API is used up, ${asked.askedBy} names the time`;
  return { until: new Date(now.getTime() + asked.waitMs), reason };
}

/**
 * Until when the connection's calls wait after one: for its own retry where the API has named the time, for a limit that
 * the answer tells of, or for the later of both. `told` says which call met it: whoever hears of one limit is told the same.
 */
export function limitAfter(
  { decision, pause }: { readonly decision: RetryDecision; readonly pause?: Pause | undefined },
  now: Date,
  told: (askedBy: string) => string,
): Pause | undefined {
  if (!decision.retry || decision.askedBy === undefined) return pause;
  const until = Math.max(now.getTime() + decision.waitMs, pause?.until.getTime() ?? 0);
  return { until: new Date(until), reason: told(decision.askedBy) };
}

function paced(windows: readonly Window[], now: Date): Pause | undefined {
  const pace = paceOf(windows);
  if (pace === undefined) return undefined;
  const reason = `little is left of the limit '${pace.name}' of the API, and it is shared out`;
  return { until: new Date(now.getTime() + pace.waitMs), reason };
}

/** The window that the headers of the provider's entry tell of. */
function ownWindow(answer: Answer, provider: ProviderRetry | undefined, now: Date): readonly Window[] {
  const left = provider?.remaining === undefined ? undefined : headerOf(answer, provider.remaining);
  const reset =
    longest(answer, provider?.at ?? [], (text) => msUntil(text, now)) ??
    longest(answer, provider?.after ?? [], (text) => msAfter(text, now));
  if (left === undefined || left.trim() === '' || !reset?.retry || !Number.isFinite(Number(left))) return [];
  return [{ name: provider?.remaining ?? '', remaining: Number(left), resetMs: reset.waitMs }];
}
