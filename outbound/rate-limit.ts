/**
 * What an answer says of an API's limits: the RateLimit fields of the IETF draft in the forms that are in use, and the
 * headers that a provider's entry names. Pure.
 */
import { msAfter } from './named-wait.ts';
import type { ProviderRetry } from './provider.ts';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** One window: how much of it is left, in how many milliseconds it begins anew, and how much it holds where that is told. */
export type Window = {
  readonly name: string;
  readonly remaining: number;
  readonly resetMs: number;
  readonly limit?: number | undefined;
};

/** A window that lasts longer is spent as it comes: nobody can say today who else will want of it within the hour. */
const PACED_WITHIN_MS = 60_000;
/** The share of a window below which the rest is shared out, and how many calls that are where nobody tells its size. */
const LOW_SHARE = 0.2;
const LOW = 5;

/**
 * The windows of the RateLimit fields (draft-ietf-httpapi-ratelimit-headers): `RateLimit: "minute";r=0;t=12, "day";r=9;t=60`
 * as of today, `limit=10, remaining=0, reset=5` of drafts 6 and 7, and `RateLimit-Remaining` with `RateLimit-Reset` of the
 * ones before, which some APIs send with a moment in place of the seconds (GitLab, DigitalOcean). What cannot be read names
 * no window.
 */
export function rateLimitWindows(headers: Headers, now: Date): Window[] {
  const window = (...fields: Fields) => windowOf(fields, now);
  const text = textOf(headers, 'ratelimit');
  if (text !== undefined && /;\s*[rt]=/.test(text)) {
    const sizes = new Map(itemsOf(textOf(headers, 'ratelimit-policy') ?? '').map(({ name, of }) => [name, of('q')]));
    return itemsOf(text).flatMap(({ name, of }) => window(name, of('r'), of('t'), sizes.get(name)));
  }
  if (text !== undefined) {
    const fields = text.split(/[,;]/).map((part) => part.trim());
    return window('default', valueOf(fields, 'remaining'), valueOf(fields, 'reset'), valueOf(fields, 'limit'));
  }
  const said = (field: string) => textOf(headers, `ratelimit-${field}`);
  return window('default', said('remaining'), said('reset'), said('limit'));
}

type WindowWait = { readonly waitMs: number; readonly name: string };

/** How long an API wants to hear nothing more: the longest of the windows that are spent, undefined when none is. */
export function spentOf(windows: readonly Window[]): WindowWait | undefined {
  return longestOf(
    windows.filter(({ remaining }) => remaining <= 0).map(({ name, resetMs }) => ({ name, waitMs: resetMs })),
  );
}

/**
 * How long the next call waits so that the little that is left of a window lasts until it begins anew: whoever shares the
 * budget learns of it from each answer, and all together slow down instead of running into the limit. Undefined while
 * there is plenty; the longest of several windows.
 */
export function paceOf(windows: readonly Window[]): WindowWait | undefined {
  const low = windows.filter(
    ({ remaining, resetMs, limit }) =>
      remaining > 0 &&
      resetMs <= PACED_WITHIN_MS &&
      remaining <= (limit === undefined ? LOW : Math.max(1, Math.floor(limit * LOW_SHARE))),
  );
  return longestOf(low.map(({ name, remaining, resetMs }) => ({ name, waitMs: Math.ceil(resetMs / remaining) })));
}

function longestOf(waits: readonly WindowWait[]): WindowWait | undefined {
  return waits.toSorted((a, b) => b.waitMs - a.waitMs)[0];
}

/** Whether the header that the provider's entry names as its counter stands at 0, which some write with a fraction. */
export function isCounterSpent(headers: Headers, provider: ProviderRetry | undefined): boolean {
  const left = provider?.remaining === undefined ? undefined : textOf(headers, provider.remaining)?.trim();
  return left !== undefined && left !== '' && Number(left) === 0;
}

type Fields = readonly [
  name: string,
  remaining: string | undefined,
  reset: string | undefined,
  limit?: string | undefined,
];

function windowOf([name, remaining, reset, limit]: Fields, now: Date): Window[] {
  const left = Number(remaining?.trim() || Number.NaN);
  const resetMs = msAfter(reset?.trim() ?? '', now);
  if (!Number.isFinite(left) || !Number.isFinite(resetMs) || resetMs < 0) return [];
  // The drafts before 6 list windows behind the limit: `10, 10;w=1, 50;w=60`.
  const size = Number.parseFloat(limit ?? '');
  return [{ name, remaining: left, resetMs, ...(size > 0 && { limit: size }) }];
}

function itemsOf(list: string): { readonly name: string; readonly of: (key: string) => string | undefined }[] {
  return list.split(',').map((item) => {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
    return { name: name.replaceAll('"', ''), of: (key) => valueOf(parameters, key) };
  });
}

function valueOf(parts: readonly string[], key: string): string | undefined {
  return parts.find((part) => part.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
}

function textOf(headers: Headers, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return typeof value === 'string' ? value : value?.join(', ');
}
