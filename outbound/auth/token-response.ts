/** What a token answer holds, wherever its provider puts it. Pure. */
import { decodeJwt } from 'jose';
import { EngineError } from '../../contract/failures.ts';
import type { Provider } from '../provider.ts';
import { authGrammar } from './grammar.ts';
import type { TokenAnswer } from './token-endpoint.ts';

export type Tokens = {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly expiresAt: Date | null;
};

/**
 * The tokens in an answer: at the top, or where `alternate_access_token_response_path` says. The end is the earliest one
 * that the answer names anywhere near a token, otherwise the `exp` of a JWT, otherwise the provider's
 * `token_expires_in_ms`, otherwise unknown. Throws `token_endpoint_failed` for an answer without a token.
 */
export function readTokens(answer: TokenAnswer, provider: Provider, now: Date): Tokens {
  const grammar = authGrammar(provider);
  const path = grammar.alternate_access_token_response_path?.split('.') ?? [];
  const holder = path.length > 1 ? objectAt(answer, path.slice(0, -1)) : undefined;
  const nested = path.length === 0 ? undefined : textAt(answer, path);
  const accessToken = nested ?? textAt(answer, ['access_token']);
  if (accessToken === undefined) {
    throw new EngineError(
      'token_endpoint_failed',
      `The token endpoint of provider '${provider.name}' answered without a token: expected '${path.join('.') || 'access_token'}' among ${namesOf(answer)}.`,
    );
  }
  const unit = grammar.expires_in_unit === 'milliseconds' ? 1 : 1_000;
  const ends = [answer, holder].flatMap((place) => endsIn(place, unit, now));
  return {
    accessToken,
    refreshToken: textAt(holder ?? {}, ['refresh_token']) ?? textAt(answer, ['refresh_token']),
    expiresAt: earliest(ends) ?? endOfJwt(accessToken) ?? endByProvider(grammar.token_expires_in_ms, now),
  };
}

/** The moment in a JWT's `exp`, null for any other token. */
export function endOfJwt(token: string): Date | null {
  try {
    const { exp } = decodeJwt(token);
    return exp === undefined ? null : new Date(exp * 1_000);
  } catch {
    return null;
  }
}

/** Values at the dotted paths of `names`, by their last part; what the answer does not have is left out. */
export function pick(answer: unknown, names: readonly string[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const name of names) {
    const path = name.split('.');
    const value = valueAt(answer, path);
    if (value !== undefined && value !== null) found[name] = value;
  }
  return found;
}

/** Follows a path of own keys; anything missing on the way is undefined. */
export function valueAt(from: unknown, path: readonly string[]): unknown {
  let at = from;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** A moment given as epoch seconds, epoch milliseconds or a date; null when it is none. */
export function readMoment(value: unknown): Date | null {
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value);
  // Seconds reach 1e11 in the year 5138, milliseconds did in 1973.
  const ms = Number.isNaN(number) ? Date.parse(String(value)) : number < 1e11 ? number * 1_000 : number;
  return Number.isFinite(ms) ? new Date(ms) : null;
}

function endsIn(place: unknown, unitMs: number, now: Date): Date[] {
  const life = Number(valueAt(place, ['expires_in']) ?? Number.NaN);
  const moment = valueAt(place, ['expires_at']);
  const ends: Date[] = [];
  // Zero and less mean "never" where they are sent at all.
  if (Number.isFinite(life) && life > 0) ends.push(new Date(now.getTime() + life * unitMs));
  const end = moment === undefined || moment === null ? null : readMoment(moment);
  if (end !== null && end.getTime() > 0) ends.push(end);
  return ends;
}

function earliest(ends: readonly Date[]): Date | null {
  return ends.length === 0 ? null : new Date(Math.min(...ends.map((end) => end.getTime())));
}

function endByProvider(lifeMs: number | undefined, now: Date): Date | null {
  return lifeMs === undefined ? null : new Date(now.getTime() + lifeMs);
}

function objectAt(from: unknown, path: readonly string[]): Record<string, unknown> | undefined {
  const value = valueAt(from, path);
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

function textAt(from: unknown, path: readonly string[]): string | undefined {
  const value = valueAt(from, path);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function namesOf(answer: TokenAnswer): string {
  const names = Object.keys(answer).slice(0, 10);
  return names.length === 0 ? 'no names at all' : names.map((name) => `'${name}'`).join(', ');
}
