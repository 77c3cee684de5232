import type { Request } from 'express';
import { EngineError } from '../contract/failures.ts';
import { type ConnectSession, findConnectSession } from '../store/connect-sessions.ts';
import type { CallGuard } from './call-limits.ts';
import type { ApiDeps } from './deps.ts';
import type { Caller, Route } from './route.ts';

/** A person with a connect session, in a browser. */
export type SessionCaller = Caller & { readonly session: ConnectSession };
export type SessionRoute = Route<SessionCaller>;

/**
 * Tells whose connect session a request carries, as `Authorization: Bearer` or as `connect_session_token` in the query.
 * Throws `invalid_session` for none, an unknown or an ended one; a token is never part of a message.
 */
export function createSessionAuthenticator(
  deps: Pick<ApiDeps, 'db' | 'clock'> & { readonly guard: CallGuard },
): (request: Request) => Promise<SessionCaller> {
  return async ({ headers, query, ip }) => {
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization?.trim() ?? '')?.[1];
    const token = bearer ?? query['connect_session_token'];
    if (typeof token !== 'string' || token === '') throw noSession('is missing');
    await deps.guard.beforeLookup(ip, token);
    const session = await findConnectSession(deps.db, token, deps.clock());
    if (session === undefined) {
      await deps.guard.noteUnknown(ip);
      throw noSession('is unknown or has ended');
    }
    return { environment: session.environment, session };
  };
}

function noSession(what: string): EngineError {
  return new EngineError(
    'invalid_session',
    `The connect session ${what}: open one with POST /connect/sessions and pass its token as connect_session_token.`,
  );
}
