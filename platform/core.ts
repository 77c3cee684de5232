/** The core that API and workers of one process share: its servers, its secrets, its calls to other people’s APIs. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { boundedJournal, type Dependencies, JOURNAL_LIMITS } from '../activities/index.ts';
import { TASK_QUEUES } from '../contract/engine.ts';
import { failureCode } from '../contract/failures.ts';
import { createAuthorizer } from '../outbound/auth/authorizer.ts';
import { type Catalogue, loadProviders } from '../outbound/catalogue.ts';
import { createOutbound } from '../outbound/request.ts';
import type { Closing } from '../runtime/closing.ts';
import { createEngine } from '../runtime/engine.ts';
import type { Settings } from '../runtime/env.ts';
import type { Log } from '../runtime/log.ts';
import { createOwnActions } from '../runtime/own-actions.ts';
import { registerSearchAttributes } from '../runtime/temporal-setup.ts';
import { traceStarts } from '../runtime/trace-starts.ts';
import { openTraces } from '../runtime/tracing.ts';
import { createCredentialVault } from '../store/credentials.ts';
import type { Database } from '../store/db.ts';
import { openOperationLog } from '../store/operation-log.ts';
import { createSecretBox, type SecretBox } from '../store/secret-box.ts';
import { openSharedClock } from '../store/shared-clock.ts';
import { connectTemporal } from '../worker/connect.ts';
import type { WorkerRoles } from '../worker/create.ts';
import { installSdk } from '../worker/sdk.ts';
import { openMigrated } from './database.ts';
import { openInstruments } from './instruments.ts';
import type { Parts } from './parts.ts';
import { createRefresher } from './refresher.ts';

export type Roles = WorkerRoles & { readonly api: boolean };

export type EngineOptions = {
  readonly settings: Settings;
  readonly parts: Parts;
  readonly roles: Roles;
  readonly log: Log;
  readonly closing: Closing;
};

export type Core = Awaited<ReturnType<typeof openCore>>;

/** Of this release. */
export const VERSION: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
const MAX_RESPONSE_BYTES = 50 * 1024 * 1024;
const DATABASE_CONNECTIONS = 20;

/** Opens it; closers go to `closing` as parts are opened, so that a failure half-way can be undone. */
export async function openCore(options: EngineOptions) {
  const { settings, parts, roles, log, closing } = options;
  const instruments = await openInstruments(settings, roles.api, { log, closing });
  installSdk(log, instruments.sdkAddress);
  const tracing = openTraces({
    endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: settings.OTEL_EXPORTER_OTLP_HEADERS,
    service: settings.OTEL_SERVICE_NAME,
    version: VERSION,
  });
  closing.add('the traces', tracing.close);
  const box = createSecretBox(parts.encryptionKey, settings.NANGO_ENCRYPTION_KEY_PREVIOUS);
  const catalogue = loadProviders({ file: settings.NANGO_PROVIDERS_FILE });
  if (catalogue.warnings.length > 0) log('providers.not_understood', { warnings: catalogue.warnings });
  const [db, connection] = await Promise.all([
    openStore(parts.databaseUrl, log, closing),
    openTemporal(parts, closing),
  ]);
  const clock = await openClock(db, log, closing);
  const interceptors = tracing.isOn ? { workflow: [traceStarts(tracing)] } : {};
  const client = new Client({ connection, namespace: parts.temporal.namespace, interceptors });
  const operations = openOperationLog(db, (lost) => log('logs.lost', lost));
  closing.add('the log of operations', operations.close);
  const authorizer = openAuthorizer(options, { db, box, catalogue, clock });
  const outbound = createOutbound({
    catalogue,
    keeper: authorizer.keeper,
    sign: authorizer.sign,
    allow: settings.NANGO_OUTBOUND_ALLOW,
    clock,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    tracing,
    tracesUpstream: settings.NANGO_TRACE_UPSTREAM,
  });
  closing.add('outbound', outbound.close);
  const ownActions = roles.actions ? createOwnActions() : undefined;
  const engine = createEngine({ client, namespace: parts.temporal.namespace, uiUrl: parts.uiUrl, ownActions, clock });
  return {
    ...{
      instruments,
      metrics: instruments.metrics,
      tracing,
      clock,
      box,
      catalogue,
      db,
      connection,
      client,
      operations,
    },
    ...{ authorizer, outbound, ownActions, engine },
    limits: limitsOf(settings),
    journals: { keep: settings.NANGO_JOURNAL_KEEP, days: settings.NANGO_JOURNAL_KEEP_DAYS },
    publicUrl: openPublicUrl(settings),
    /** A task queue that this process alone polls. */
    processQueue: `${TASK_QUEUES.actions}:${randomUUID()}`,
  };
}

/** Where the API is reached from outside. The API of this process says where it listens, for when nothing else does. */
function openPublicUrl({ NANGO_SERVER_URL, SERVER_HOST, SERVER_PORT }: Settings) {
  let url = NANGO_SERVER_URL;
  return {
    get: () => url ?? `http://${hostOf(SERVER_HOST)}:${SERVER_PORT}`,
    listening: (port: number): string => {
      const listens = `http://${hostOf(SERVER_HOST)}:${port}`;
      url ??= listens;
      return listens;
    },
  };
}

function hostOf(host: string): string {
  return host === '0.0.0.0' || host === '::' ? 'localhost' : host;
}

type Credentialed = {
  readonly db: Database;
  readonly box: SecretBox;
  readonly catalogue: Catalogue;
  readonly clock: () => Date;
};

function openAuthorizer({ settings, parts, log, closing }: EngineOptions, { db, box, catalogue, clock }: Credentialed) {
  const allow = settings.NANGO_OUTBOUND_ALLOW;
  // Nothing is held here: refreshes are made in a process of their own.
  const vault = createCredentialVault({ db, holds: db, box });
  const refresher = createRefresher(
    {
      databaseUrl: parts.databaseUrl,
      keys: [parts.encryptionKey, ...settings.NANGO_ENCRYPTION_KEY_PREVIOUS],
      providersFile: settings.NANGO_PROVIDERS_FILE,
      allow,
    },
    { log, clock },
  );
  closing.add('the refresher', refresher.close);
  const authorizer = createAuthorizer({ vault, elsewhere: refresher.refresh, catalogue, allow, clock, log });
  closing.add('the authorizer', authorizer.close);
  return authorizer;
}

async function openStore(url: string, log: Log, closing: Closing): Promise<Database> {
  const onLost = (error: Error): void => log('store.connection_lost', { error: error.message });
  const { db, applied } = await openMigrated(url, { max: DATABASE_CONNECTIONS, onLost, closing });
  if (applied.length > 0) log('store.migrated', { applied });
  return db;
}

/** Less is the machines' everyday. */
const TOLD_FROM_MS = 1_000;

async function openClock(db: Database, log: Log, closing: Closing): Promise<() => Date> {
  const { now, close } = await openSharedClock(db, {
    onStep: (byMs) => {
      if (Math.abs(byMs) >= TOLD_FROM_MS) log('clock.set', { byMs: Math.round(byMs) });
    },
  });
  closing.add('the clock', close);
  const aheadMs = Date.now() - now().getTime();
  if (Math.abs(aheadMs) >= TOLD_FROM_MS) log('clock.differs', { aheadMs });
  return now;
}

const LOCAL_WITHIN_MS = 20_000;
const NAMED_WITHIN_MS = 3_000;

// A server started a moment ago does not answer yet; one that the settings name should.
async function openTemporal(parts: Parts, closing: Closing): Promise<NativeConnection> {
  const patienceMs = parts.startsTemporal ? LOCAL_WITHIN_MS : NAMED_WITHIN_MS;
  for (const deadline = Date.now() + patienceMs; ; await delay(50)) {
    try {
      const connection = await connectTemporal(parts.temporal);
      closing.add('the connection to Temporal', () => connection.close());
      await registerSearchAttributes(connection, parts.temporal.namespace);
      return connection;
    } catch (error) {
      if (failureCode(error) !== 'engine_unavailable' || Date.now() > deadline) throw error;
    }
  }
}

function limitsOf(settings: Settings): Dependencies['limits'] {
  return {
    memoryMb: settings.NANGO_SCRIPT_MEMORY_MB,
    cpuMs: settings.NANGO_SCRIPT_CPU_MS,
    syncWallClockMs: settings.NANGO_SYNC_TIMEOUT_MS,
    actionWallClockMs: settings.NANGO_ACTION_TIMEOUT_MS,
    maxIdleStarts: 20,
    calledActions: settings.NANGO_MAX_CALLED_ACTIONS,
    rooms: {
      connection: settings.NANGO_MAX_RUNS_PER_CONNECTION,
      integration: settings.NANGO_MAX_RUNS_PER_INTEGRATION,
      environment: settings.NANGO_MAX_RUNS_PER_ENVIRONMENT,
    },
    sliceMs: settings.NANGO_SYNC_SLICE_MS,
    backOffAfter: settings.NANGO_SYNC_BACK_OFF_AFTER,
    journal: boundedJournal(JOURNAL_LIMITS, settings.NANGO_MAX_JOURNAL_MB * 1024 * 1024),
  };
}
