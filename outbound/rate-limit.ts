/**
 * What an answer says of an API's limits: the RateLimit fields of the IETF draft in the forms that are in use, and the
 * headers that a provider's entry names. Pure.
 */
import type { ProviderRetry } from './provider.ts';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** One window: how much of it is left, and in how many milliseconds it begins anew. */
export type Window = { readonly name: string; readonly remaining: number; readonly resetMs: number };

/**
 * The windows of the RateLimit fields (draft-ietf-httpapi-ratelimit-headers): `RateLimit: "minute";r=0;t=12, "day";r=9;t=60`
 * as of today, `limit=10, remaining=0, reset=5` of drafts 6 and 7, and `RateLimit-Remaining` with `RateLimit-Reset` of the
 * ones before. What cannot be read names no window.
 */
export function rateLimitWindows(headers: Headers): Window[] {
  const text = textOf(headers, 'ratelimit');
  if (text !== undefined && /;\s*[rt]=/.test(text)) {
    return text.split(',').flatMap((item) => {
      const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
      return window(name.replaceAll('"', ''), valueOf(parameters, 'r'), valueOf(parameters, 't'));
    });
  }
  if (text !== undefined) {
    const fields = text.split(/[,;]/).map((part) => part.trim());
    return window('default', valueOf(fields, 'remaining'), valueOf(fields, 'reset'));
  }
  return window('default', textOf(headers, 'ratelimit-remaining'), textOf(headers, 'ratelimit-reset'));
}

/** How long an API wants to hear nothing more: the longest of the windows that are spent, undefined when none is. */
export function spentForMs(headers: Headers): { readonly waitMs: number; readonly name: string } | undefined {
  const spent = rateLimitWindows(headers).filter(({ remaining }) => remaining <= 0);
  const longest = spent.toSorted((a, b) => b.resetMs - a.resetMs)[0];
  return longest && { waitMs: longest.resetMs, name: longest.name };
}

/** Whether the header that the provider's entry names as its counter stands at 0. */
export function isCounterSpent(headers: Headers, provider: ProviderRetry | undefined): boolean {
  return provider?.remaining !== undefined && textOf(headers, provider.remaining)?.trim() === '0';
}

function window(name: string, remaining: string | undefined, reset: string | undefined): Window[] {
  const left = Number(remaining?.trim() || Number.NaN);
  const seconds = Number(reset?.trim() || Number.NaN);
  if (!Number.isFinite(left) || !Number.isFinite(seconds) || seconds < 0) return [];
  return [{ name, remaining: left, resetMs: Math.ceil(seconds * 1_000) }];
}

function valueOf(parts: readonly string[], key: string): string | undefined {
  return parts.find((part) => part.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
}

function textOf(headers: Headers, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return typeof value === 'string' ? value : value?.join(', ');
}
