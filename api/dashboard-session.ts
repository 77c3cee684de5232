import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { z } from 'zod';
import { EngineError } from '../contract/failures.ts';
import {
  type Environment,
  environmentOfKey,
  environmentOfKeyHash,
  hashKey,
  listEnvironments,
} from '../store/environments.ts';
import type { ApiDeps } from './deps.ts';

const COOKIE = 'nango_dashboard';
const SEAL = 'dashboard session';
const SESSION_MS = 12 * 3_600_000;
/** Names the environment a call is about. No page of another site can send it without being asked by CORS first. */
const ENVIRONMENT_HEADER = 'x-nango-environment';

/** What the cookie holds, sealed: nothing is kept on the server, and a revoked key or a changed password ends it. */
const STAY = z.object({
  /** Base64: the hash of a secret key, or the digest of the operator's name and password. */
  by: z.enum(['key', 'operator']),
  proof: z.string(),
  until: z.number(),
});
type Stay = z.output<typeof STAY>;

export type DashboardSessions = ReturnType<typeof createDashboardSessions>;

/** Signs people in to the dashboard and tells which environment a call of its pages is about. */
export function createDashboardSessions(deps: ApiDeps) {
  const { db, box, clock, dashboard } = deps;

  const open = (by: Stay['by'], proof: Buffer): string => {
    const stay: Stay = { by, proof: proof.toString('base64'), until: clock().getTime() + SESSION_MS };
    const value = box.sealBytes(Buffer.from(JSON.stringify(stay)), SEAL).toString('base64url');
    return cookie(value, SESSION_MS / 1_000);
  };
  const cookie = (value: string, seconds: number): string => {
    const secure = deps.publicUrl().startsWith('https:') ? '; Secure' : '';
    return `${COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
  };
  /** The environments that are open to a request's cookie; none for a cookie that is absent, ended or revoked. */
  const environmentsOf = async (request: Request): Promise<readonly Environment[]> => {
    const stay = read(request);
    if (stay === undefined || stay.until <= clock().getTime()) return [];
    const proof = Buffer.from(stay.proof, 'base64');
    if (stay.by === 'operator') return isOperator(proof) ? listEnvironments(db) : [];
    const environment = await environmentOfKeyHash(db, proof);
    return environment === undefined ? [] : [environment];
  };
  const read = ({ headers }: Request): Stay | undefined => {
    const cookies = (headers.cookie ?? '').split(';').map((one) => one.trim());
    const value = cookies.find((one) => one.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
    if (!value) return undefined;
    try {
      const text = box.openBytes(Buffer.from(value, 'base64url'), SEAL).toString();
      return STAY.parse(JSON.parse(text));
    } catch {
      return undefined;
    }
  };
  const isOperator = (proof: Buffer): boolean => {
    const operator = dashboard?.operator;
    return operator !== undefined && timingSafeEqual(proof, digest(operator.username, operator.password));
  };

  return {
    environmentsOf,
    /** The `Set-Cookie` of somebody with a secret key. @throws EngineError `unknown_account` */
    byKey: async (key: string): Promise<string> => {
      const environment = await environmentOfKey(db, key);
      if (environment !== undefined) return open('key', hashKey(key));
      throw new EngineError(
        'unknown_account',
        "No environment has this secret key: 'npm start' keeps the keys in .local/.env, and makes another with 'npm start -- --new-key dev'.",
      );
    },
    /** The `Set-Cookie` of somebody with the operator's name and password. @throws EngineError `unknown_account` */
    byPassword: (username: string, password: string): string => {
      const proof = digest(username, password);
      if (isOperator(proof)) return open('operator', proof);
      throw new EngineError(
        'unknown_account',
        'Name and password are not those of DASHBOARD_USERNAME and DASHBOARD_PASSWORD.',
      );
    },
    /** The `Set-Cookie` that ends a session. */
    end: (): string => cookie('', 0),
    /**
     * The environment of a call that one of our pages made under its cookie; undefined for a call that brings a key.
     * @throws EngineError `invalid_session` for a session that has ended, `not_found` for an environment it does not open
     */
    environmentOf: async (request: Request): Promise<Environment | undefined> => {
      const wanted = request.headers[ENVIRONMENT_HEADER];
      if (request.headers.authorization !== undefined || typeof wanted !== 'string') return undefined;
      checkSameOrigin(request);
      const open = await environmentsOf(request);
      if (open.length === 0) throw ended();
      const name = plain(wanted);
      const found = open.find((one) => one.name === name);
      if (found !== undefined) return found;
      // The same for one that is there and for one that is not: which there are is no news for those of another.
      throw new EngineError(
        'not_found',
        `You are signed in to no environment '${name}': sign in with the secret key of the one you mean.`,
      );
    },
  };
}

/** Refuses calls that a page of another site made in this person's browser. @throws EngineError `invalid_session` */
export function checkSameOrigin({ headers }: Request): void {
  const site = headers['sec-fetch-site'];
  const isOurs = site === undefined || site === 'same-origin';
  const { origin } = headers;
  if (isOurs && (origin === undefined || (URL.canParse(origin) && new URL(origin).host === headers.host))) return;
  throw new EngineError('invalid_session', 'Another site made this call: the dashboard takes those of its own pages.');
}

/** Headers are bytes: the pages send the name percent-encoded. */
function plain(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

function ended(): EngineError {
  return new EngineError('invalid_session', 'You are signed out: the session has ended, or its key was revoked.');
}

function digest(username: string, password: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([username, password]))
    .digest();
}
