import { createHash } from 'node:crypto';
import { EngineError } from '../contract/failures.ts';
import { type Environment, environmentOfKey } from '../store/environments.ts';
import type { CallGuard } from './call-limits.ts';
import type { ApiDeps } from './deps.ts';

// Long enough that a hot path does not ask Postgres each time, short enough that a revoked key is soon refused.
const CACHE_MS = 5_000;
const CACHE_ENTRIES = 1_000;

export type Authenticate = (authorization: string | undefined, address?: string) => Promise<Environment>;

/**
 * Tells which environment an `Authorization: Bearer <secret key>` opens. A key that was good is believed for 5 s.
 * Throws `missing_auth_header`, `malformed_auth_header`, `unknown_account`, or `too_many_requests` for an address that
 * guesses; a key is never part of a message.
 */
export function createAuthenticator(deps: Pick<ApiDeps, 'db' | 'clock'> & { readonly guard: CallGuard }): Authenticate {
  const known = new Map<string, { readonly environment: Environment; readonly until: number }>();
  return async (authorization, address) => {
    const key = bearerKey(authorization);
    // Looked up by digest, so that no comparison of secrets can leak by its timing.
    const digest = createHash('sha256').update(key).digest('base64');
    const now = deps.clock().getTime();
    const cached = known.get(digest);
    if (cached !== undefined && cached.until > now) return cached.environment;
    await deps.guard.beforeLookup(address);
    const environment = await environmentOfKey(deps.db, key);
    if (environment === undefined) {
      await deps.guard.noteUnknown(address);
      throw unknownKey();
    }
    if (known.size >= CACHE_ENTRIES) known.clear();
    known.set(digest, { environment, until: now + CACHE_MS });
    return environment;
  };
}

function bearerKey(authorization: string | undefined): string {
  const expected = "expected 'Authorization: Bearer <secret key>'";
  if (authorization === undefined || authorization.trim() === '') {
    throw new EngineError('missing_auth_header', `The Authorization header is missing: ${expected}.`);
  }
  const key = /^Bearer +(\S+)$/i.exec(authorization.trim())?.[1];
  if (key === undefined)
    throw new EngineError('malformed_auth_header', `The Authorization header is malformed: ${expected}.`);
  return key;
}

function unknownKey(): EngineError {
  return new EngineError(
    'unknown_account',
    'No environment has this secret key: check NANGO_SECRET_KEY_<ENVIRONMENT>, and that the server is the one it was made for.',
  );
}
