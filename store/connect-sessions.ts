/** Connect sessions, and the sign-ins that have left under them. Both live for half an hour and are found by a hash. */
import { createHash, randomBytes } from 'node:crypto';
import { onlyRow, type Queryable } from './db.ts';
import type { Environment } from './environments.ts';

/** What the product said when it opened the session, in the names of the REST API. */
export type SessionWishes = Readonly<Record<string, unknown>>;

export type ConnectSession = {
  readonly id: string;
  readonly environment: Environment;
  readonly wishes: SessionWishes;
  /** Our number of the connection that is signed in again, or null for a new one. */
  readonly reconnects: string | null;
  readonly expiresAt: Date;
};

const PREFIX = 'nango_connect_session_';

/** Opens a session and returns its token, the only time it can be seen. */
export async function createConnectSession(
  db: Queryable,
  session: { environmentId: string; wishes: SessionWishes; reconnects: string | null; at: Date; expiresAt: Date },
): Promise<string> {
  const token = PREFIX + randomBytes(32).toString('hex');
  await db.query(`delete from connect_sessions where expires_at < $1::timestamptz`, [session.at]);
  await db.query(
    `insert into connect_sessions (environment_id, hash, wishes, reconnects, expires_at, created_at)
     values ($1::bigint, $2::bytea, $3::jsonb, $4::bigint, $5::timestamptz, $6::timestamptz)`,
    [
      session.environmentId,
      hashOf(token),
      JSON.stringify(session.wishes),
      session.reconnects,
      session.expiresAt,
      session.at,
    ],
  );
  return token;
}

/** The session of that token, if it has not ended. Looked up by hash, so no comparison can leak by its timing. */
export async function findConnectSession(db: Queryable, token: string, at: Date): Promise<ConnectSession | undefined> {
  return selectSession(db, 's.hash = $1::bytea and s.expires_at > $2::timestamptz', [hashOf(token), at]);
}

/** The session of a sign-in, also one that ended while the person was at the provider. */
export async function connectSessionById(db: Queryable, id: string): Promise<ConnectSession | undefined> {
  return selectSession(db, 's.id = $1::bigint', [id]);
}

export async function deleteConnectSession(db: Queryable, id: string): Promise<void> {
  await db.query(`delete from connect_sessions where id = $1::bigint`, [id]);
}

export type SignIn = {
  readonly environmentId: string;
  readonly integrationId: string;
  readonly sessionId: string;
  /** Sealed by the caller. */
  readonly luggage: string;
};

/** Remembers a sign-in under its `state` until `expiresAt`. */
export async function beginSignIn(
  db: Queryable,
  state: string,
  signIn: SignIn & { readonly at: Date; readonly expiresAt: Date },
): Promise<void> {
  await db.query(`delete from sign_ins where expires_at < $1::timestamptz`, [signIn.at]);
  await db.query(
    `insert into sign_ins (hash, environment_id, integration_id, session_id, luggage, expires_at, created_at)
     values ($1::bytea, $2::bigint, $3::bigint, $4::bigint, $5::text, $6::timestamptz, $7::timestamptz)`,
    [
      hashOf(state),
      signIn.environmentId,
      signIn.integrationId,
      signIn.sessionId,
      signIn.luggage,
      signIn.expiresAt,
      signIn.at,
    ],
  );
}

/** Takes the sign-in of that `state` out: a second call with the same one finds nothing. */
export async function takeSignIn(db: Queryable, state: string, at: Date): Promise<SignIn | undefined> {
  const result = await db.query<SignIn>(
    `delete from sign_ins where hash = $1::bytea and expires_at > $2::timestamptz
     returning environment_id::text as "environmentId", integration_id::text as "integrationId",
       session_id::text as "sessionId", luggage`,
    [hashOf(state), at],
  );
  return result.rows[0];
}

type SessionRow = Omit<ConnectSession, 'environment'> & { environmentId: string; environmentName: string };

async function selectSession(
  db: Queryable,
  condition: string,
  values: readonly unknown[],
): Promise<ConnectSession | undefined> {
  const result = await db.query<SessionRow>(
    `select s.id::text, s.environment_id::text as "environmentId", e.name as "environmentName", s.wishes,
       s.reconnects::text, s.expires_at as "expiresAt"
     from connect_sessions s join environments e on e.id = s.environment_id
     where ${condition}`,
    [...values],
  );
  if (result.rows.length === 0) return undefined;
  const { environmentId, environmentName, ...session } = onlyRow(result, 'selectSession');
  return { ...session, environment: { id: environmentId, name: environmentName } };
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
