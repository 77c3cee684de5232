/**
 * Keeps tokens usable. One refresh at a time for a connection, across all processes: callers of one process share a
 * promise, processes take turns, and whoever waited reads again before it asks for anything. A token is in Postgres
 * before anybody uses it.
 *
 * The window that is left: a provider that rotates refresh tokens has forgotten the old one once it answers. Whoever is
 * handed the new one and dies before it is written takes it along. Therefore a process of its own asks and writes
 * (`elsewhere`), which outlives the one that wants the token; what remains is the death of the machine, or of just that
 * process, within these milliseconds. A refresh is noted as begun before it goes out; after such a death the next one
 * tries the old token, which providers with a grace period still take, and otherwise the failure says what happened.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CredentialVault, Granted, KeptCredentials, RefreshState } from '../../contract/credentials.ts';
import { EngineError, failureCode } from '../../contract/failures.ts';
import type { OperationSink } from '../../contract/operation.ts';
import type { Catalogue } from '../catalogue.ts';
import { nameConnection, type OutboundConnection } from '../connection.ts';
import type { Exchange } from '../exchange.ts';
import type { Applicant } from './applicant.ts';
import { refreshOperation } from './refresh-operation.ts';
import { renewalOf } from './renew.ts';
import { retryTime } from './retry-time.ts';

/** Why a refresh is wanted: the token ends, an API refused it, or somebody asked by hand. */
export type RefreshReason = 'due' | 'refused' | 'asked';

export type Keeper = {
  /**
   * The connection with the newest credentials. It waits for a refresh only when the token has ended; one that ends soon
   * is used while it is replaced. Throws `refresh_failed` or `connection_unauthorized`.
   */
  readonly current: (connection: OutboundConnection) => Promise<OutboundConnection>;
  /** Other credentials than those an API has just refused, or undefined when there are none. */
  readonly afterRefusal: (connection: OutboundConnection) => Promise<OutboundConnection | undefined>;
  /** Replaces the token now; a refresh that another caller has begun counts. Throws as `current`. */
  readonly refresh: (connection: OutboundConnection, reason: RefreshReason) => Promise<OutboundConnection>;
  /** Ends when no refresh is under way: one that is cut off may lose a token. */
  readonly close: () => Promise<void>;
};

/** Asks for a token in another process, which writes it; resolves when it is written. Throws as `current`. */
export type RefreshElsewhere = (connection: OutboundConnection, reason: RefreshReason) => Promise<void>;

export type KeeperOptions = {
  readonly vault: CredentialVault;
  /** Where refreshes are made. @default here, in this process */
  readonly elsewhere?: RefreshElsewhere;
  readonly exchange: Exchange;
  readonly catalogue: Catalogue;
  readonly clock: () => Date;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Hears of each refresh that was made here. @default nobody does */
  readonly operations?: OperationSink;
};

/** A token this near to its end is taken for ended: a call needs a moment to arrive. */
const SKEW_MS = 2_000;
/** Age up to which a token that is not near its end is not replaced for being refused. */
const TRUSTED_MS = 60_000;
const MAX_REMEMBERED = 10_000;

export function createKeeper(options: KeeperOptions): Keeper {
  const { catalogue, clock } = options;
  const underWay = new Map<number, Promise<KeptCredentials>>();
  const newest = new Map<number, KeptCredentials>();
  const remember = (id: number, kept: KeptCredentials): void => {
    if ((newest.get(id)?.version ?? 0) >= kept.version) return;
    if (newest.size >= MAX_REMEMBERED) newest.clear();
    newest.set(id, kept);
  };
  const upToDate = (connection: OutboundConnection): OutboundConnection => {
    const kept = newest.get(connection.id);
    return kept !== undefined && kept.version > (connection.version ?? kept.version)
      ? { ...connection, ...pickKept(kept) }
      : connection;
  };
  const refresh: Keeper['refresh'] = async (connection, reason) => {
    const seen = connection.version ?? 0;
    for (;;) {
      const joined = underWay.get(connection.id);
      const work =
        joined ?? refreshOnce(options, connection, { seen, reason }).finally(() => underWay.delete(connection.id));
      if (joined === undefined) underWay.set(connection.id, work);
      const kept = await work;
      remember(connection.id, kept);
      // One that was under way for an older version may have answered less than this caller knows.
      if (joined === undefined || kept.version > seen) return { ...connection, ...pickKept(kept) };
    }
  };
  return {
    current: async (given) => {
      if (given.version === undefined) return given;
      const connection = upToDate(given);
      const now = clock().getTime();
      const { refreshAt, expiresAt } = connection;
      if (refreshAt === null || refreshAt === undefined || now < refreshAt.getTime()) return connection;
      const ended = expiresAt instanceof Date && now >= expiresAt.getTime() - skewOf(connection);
      if (ended) return refresh(connection, 'due');
      if (
        renewalOf({ provider: catalogue.get(connection.provider), credentials: connection.credentials }) !== undefined
      ) {
        // What it throws is kept in the connection's row; whoever needs the token gets to hear it.
        refresh(connection, 'due').catch(() => undefined);
      }
      return connection;
    },
    afterRefusal: async (given) => {
      if (given.version === undefined) return undefined;
      const renewed = await refresh(given, 'refused').catch((error: unknown) => {
        if (failureCode(error) === undefined) throw error;
        return undefined;
      });
      return renewed !== undefined && (renewed.version ?? 0) > given.version ? renewed : undefined;
    },
    refresh,
    close: async () => {
      while (underWay.size > 0) await Promise.allSettled(underWay.values());
    },
  };
}

function pickKept({ credentials, version, expiresAt, refreshAt }: KeptCredentials): KeptCredentials {
  return { credentials, version, expiresAt, refreshAt };
}

// A token that lives for seconds must not be taken for ended from its first moment.
function skewOf({ expiresAt, refreshAt }: OutboundConnection): number {
  if (!expiresAt || !refreshAt) return 0;
  return Math.min(SKEW_MS, Math.max(0, expiresAt.getTime() - refreshAt.getTime()) / 2);
}

type Wanted = { readonly seen: number; readonly reason: RefreshReason };

async function refreshOnce(
  options: KeeperOptions,
  connection: OutboundConnection,
  wanted: Wanted,
): Promise<KeptCredentials> {
  const read = async (): Promise<RefreshState> => {
    const state = await options.vault.read(connection.id);
    if (state !== undefined) return state;
    throw new EngineError('unknown_connection', `There is no ${nameConnection(connection)} any more.`);
  };
  const before = await read();
  if (isSettled(options, before, wanted)) return before;
  if (options.elsewhere !== undefined) {
    await options.elsewhere({ ...connection, version: wanted.seen }, wanted.reason);
    return read();
  }
  let result: KeptCredentials | undefined;
  const work = async (): Promise<void> => {
    const state = await read();
    result = isSettled(options, state, wanted) ? state : await renew(options, state, read);
  };
  await options.vault.exclusively(connection.id, work).catch((error: unknown) => {
    // The hold was lost on the way; what was written under it stands all the same.
    if (result === undefined) throw error;
  });
  return result ?? read();
}

/** Whether there is nothing to ask the provider. Throws where it must not be asked. */
function isSettled({ clock, catalogue }: KeeperOptions, state: RefreshState, { seen, reason }: Wanted): boolean {
  const now = clock().getTime();
  const due = state.refreshAt !== null && now >= state.refreshAt.getTime();
  if (state.version > seen && !due) return true;
  if (state.authFailedAt !== null && reason !== 'asked') throw unauthorized(state);
  if (renewalOf({ provider: catalogue.get(state.provider), credentials: state.credentials }) === undefined) {
    if (reason === 'due' && state.expiresAt !== null && now >= state.expiresAt.getTime()) return false;
    return true;
  }
  if (reason === 'asked') return false;
  if (state.retryAt !== null && now < state.retryAt.getTime()) throw backingOff(state);
  if (due || reason === 'due') return !due;
  // An API that refuses a young token refuses more than the token.
  return state.keptAt !== null && now - state.keptAt.getTime() < TRUSTED_MS;
}

async function renew(
  options: KeeperOptions,
  state: RefreshState,
  read: () => Promise<RefreshState>,
): Promise<KeptCredentials> {
  const { vault, exchange, clock, catalogue, log } = options;
  const applicant: Applicant = { ...state, provider: catalogue.get(state.provider) };
  const renewal = renewalOf(applicant);
  const startedAt = clock();
  if (renewal === undefined) {
    const why = 'its token has ended and there is no refresh token to get another one with';
    return giveUp(options, state, why, startedAt);
  }
  if (!(await vault.begin(state.id, state.version, clock()))) return read();
  let version = state.version;
  try {
    for await (const granted of renewal(exchange, applicant, clock())) {
      if (!(await keepSurely(options, state.id, version, granted))) return await read();
      version += 1;
    }
  } catch (error) {
    return failed(options, { ...state, version }, error, startedAt);
  }
  options.operations?.add(refreshOperation(state, { startedAt, endedAt: clock() }));
  log('connection.refreshed', { connection: state.connectionId, integration: state.providerConfigKey });
  return read();
}

const PATIENCE_MS = 10 * 60_000;
const LONGEST_PAUSE_MS = 5_000;

/** These tokens exist nowhere else: Postgres being away is waited for, and only a newer writing is a reason to drop them. */
async function keepSurely(
  { vault, clock, log }: KeeperOptions,
  id: number,
  version: number,
  granted: Granted,
): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let pauseMs = 100; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      if (await vault.keep(id, version, granted, clock())) return true;
      // The write before may have landed although its answer did not come: then it is ours that stands there.
      const stored = await vault.read(id);
      return (
        stored?.version === version + 1 && JSON.stringify(stored.credentials) === JSON.stringify(granted.credentials)
      );
    } catch (error) {
      if (performance.now() > deadline) throw error;
      log('connection.keep_postponed', {
        connection: id,
        error: error instanceof Error ? error.message : String(error),
      });
      await sleep(pauseMs);
    }
  }
}

async function failed(options: KeeperOptions, state: RefreshState, error: unknown, startedAt: Date): Promise<never> {
  const code = failureCode(error);
  if (code === undefined) throw error;
  const message = (error as EngineError).message;
  const gone = (error as EngineError).details.payload as
    | { readonly gone?: boolean; readonly retry_after?: string }
    | undefined;
  const doubt =
    state.begunAt === null
      ? ''
      : ' An earlier refresh was cut off before its answer was kept; its new token may be lost.';
  if (code === 'grant_refused' && gone?.gone === true) return giveUp(options, state, `${message}${doubt}`, startedAt);
  const at = options.clock();
  const retryAt = retryTime({
    failures: state.failures,
    retryAfter: gone?.retry_after,
    code,
    now: at,
    random: Math.random,
  });
  await options.vault.fail(state.id, state.version, { error: message, retryAt, authMode: modeOf(options, state), at });
  options.operations?.add(refreshOperation(state, { startedAt, endedAt: at, failure: { message, retryAt } }));
  options.log('connection.refresh_failed', {
    connection: state.connectionId,
    integration: state.providerConfigKey,
    error: message,
  });
  throw backingOff({ ...state, error: message, retryAt }, error);
}

/** Ends it: the person has to sign in again. Said once, by whoever writes it. */
async function giveUp(options: KeeperOptions, state: RefreshState, error: string, startedAt: Date): Promise<never> {
  const at = options.clock();
  const failure = { error, retryAt: null, authMode: modeOf(options, state), at };
  if (await options.vault.fail(state.id, state.version, failure)) {
    const told = { message: error, retryAt: null };
    options.operations?.add(refreshOperation(state, { startedAt, endedAt: at, failure: told }));
    options.log('connection.unauthorized', {
      connection: state.connectionId,
      integration: state.providerConfigKey,
      error,
    });
  }
  throw unauthorized({ ...state, error });
}

function modeOf({ catalogue }: KeeperOptions, { provider }: RefreshState): string {
  return catalogue.get(provider).auth_mode;
}

function unauthorized(state: RefreshState): EngineError {
  return new EngineError(
    'connection_unauthorized',
    `${nameConnection({ ...state, credentials: {} })} has to be signed in again: ${state.error ?? 'its grant is gone'}. ` +
      'Open a session with POST /connect/sessions/reconnect.',
  );
}

function backingOff(state: RefreshState, cause?: unknown): EngineError {
  const retryAt = state.retryAt?.toISOString() ?? null;
  return new EngineError(
    'refresh_failed',
    `The token of ${nameConnection({ ...state, credentials: {} })} could not be replaced: ${state.error ?? 'unknown'} ` +
      `The next try is at ${retryAt}; GET /connections/${state.connectionId}?force_refresh=true tries now.`,
    { ...(cause !== undefined && { cause }), details: { payload: { retry_at: retryAt } } },
  );
}
