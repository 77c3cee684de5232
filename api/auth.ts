import { createHash } from 'node:crypto';
import { EngineError } from '../contract/failures.ts';
import { noteKeyUse, type OpenedBy, openedBy } from '../store/api-keys.ts';
import type { Environment } from '../store/environments.ts';
import type { CallGuard } from './call-limits.ts';
import { allows, type Scope } from './endpoints.ts';
import type { ApiDeps } from './deps.ts';

// Long enough that a hot path does not ask Postgres each time, short enough that a revoked key is soon refused.
const CACHE_MS = 5_000;
const CACHE_ENTRIES = 1_000;

/**
 * `wanted` is a scope, or undefined for what only a key without limits may do; `address` is who asks.
 */
export type Authenticate = (
  authorization: string | undefined,
  wanted: Scope | undefined,
  address?: string,
) => Promise<Environment>;

/**
 * Tells which environment an `Authorization: Bearer <secret key>` opens. A key that was good is believed for 5 s.
 * Throws `missing_auth_header`, `malformed_auth_header`, `unknown_account`, `forbidden` for a key without the scope, or
 * `too_many_requests` for an address that guesses; a key is never part of a message.
 */
export function createAuthenticator(
  deps: Pick<ApiDeps, 'db' | 'clock' | 'log'> & { readonly guard: CallGuard },
): Authenticate {
  const known = new Map<string, { readonly opened: OpenedBy; readonly until: number }>();
  return async (authorization, wanted, address) => {
    const key = bearerKey(authorization);
    // Looked up by digest, so that no comparison of secrets can leak by its timing.
    const digest = createHash('sha256').update(key).digest('base64');
    const at = deps.clock();
    const cached = known.get(digest);
    if (cached !== undefined && cached.until > at.getTime()) return environmentFor(cached.opened, wanted);
    await deps.guard.beforeLookup(address, key);
    const opened = await openedBy(deps.db, key, at);
    if (opened === undefined) {
      await deps.guard.noteUnknown(address);
      throw unknownKey();
    }
    if (known.size >= CACHE_ENTRIES) known.clear();
    const end = opened.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
    known.set(digest, { opened, until: Math.min(at.getTime() + CACHE_MS, end) });
    // Nobody waits for it, and no request fails for it.
    noteKeyUse(deps.db, opened.keyId, at).catch((error: unknown) =>
      deps.log('key.use_not_noted', { error: String(error) }),
    );
    return environmentFor(opened, wanted);
  };
}

function environmentFor({ id, name, scopes }: OpenedBy, wanted: Scope | undefined): Environment {
  if (scopes === null || allows(scopes, wanted)) return { id, name };
  throw new EngineError(
    'forbidden',
    `This key may not do that: it has not the scope '${wanted ?? 'environment:*'}'. POST /environment/api-keys makes a key with other scopes.`,
  );
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
    'No environment has this secret key: check NANGO_SECRET_KEY_<ENVIRONMENT>, that the key has not ended, and that the server is the one it was made for.',
  );
}
