/**
 * Puts the engine together on open parts: in one process, API and workers share one connection to Temporal, so that an
 * action's first task is handed over without a hop. Nothing imports this room.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { type Dependencies, JOURNAL_LIMITS, openRunControl } from '../activities/index.ts';
import { createApp } from '../api/app.ts';
import { DEFAULT_LIMITS } from '../api/deps.ts';
import { openPopups } from '../api/popups.ts';
import { TASK_QUEUES } from '../contract/engine.ts';
import { failureCode } from '../contract/failures.ts';
import { loadProviders } from '../outbound/catalogue.ts';
import { createAuthorizer } from '../outbound/auth/authorizer.ts';
import { createDelivery } from '../outbound/delivery.ts';
import { createOutbound } from '../outbound/request.ts';
import type { Closing } from '../runtime/closing.ts';
import { createEngine } from '../runtime/engine.ts';
import { createOwnActions } from '../runtime/own-actions.ts';
import type { Settings } from '../runtime/env.ts';
import type { Log } from '../runtime/log.ts';
import { traceStarts } from '../runtime/trace-starts.ts';
import { openTraces } from '../runtime/tracing.ts';
import { ensureOwnSchedules, registerSearchAttributes } from '../runtime/temporal-setup.ts';
import { createSandbox, type Sandbox } from '../sandbox/pool.ts';
import { createCredentialVault } from '../store/credentials.ts';
import type { Database } from '../store/db.ts';
import { openOperationLog } from '../store/operation-log.ts';
import { createSecretBox, type SecretBox } from '../store/secret-box.ts';
import { bundleWorkflows } from '../worker/bundle.ts';
import { connectTemporal } from '../worker/connect.ts';
import { installSdk } from '../worker/sdk.ts';
import { startWorkers, type WorkerRoles } from '../worker/create.ts';
import { DASHBOARD_FOLDER } from './dashboard-build.ts';
import { openMigrated } from './database.ts';
import { addSdkMetrics, openInstruments, watchEngine, watchProcess } from './instruments.ts';
import type { Parts } from './parts.ts';
import { createRefresher } from './refresher.ts';

export type Roles = WorkerRoles & { readonly api: boolean };

export type RunningEngine = {
  readonly db: Database;
  readonly box: SecretBox;
  readonly client: Client;
  readonly clock: () => Date;
  /** Set where the API runs. */
  readonly apiUrl: string | undefined;
  /** Ends when a worker fails for good. */
  readonly failed: Promise<never>;
};

const VERSION: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
const MAX_RESPONSE_BYTES = 50 * 1024 * 1024;
/** How long an application may take to answer a webhook. */
const WEBHOOK_WITHIN_MS = 20_000;
const DATABASE_CONNECTIONS = 20;

/** Starts the roles asked for; closers go to `closing` as parts are opened, so a failure half-way can be undone. */
export async function startEngine(options: {
  readonly settings: Settings;
  readonly parts: Parts;
  readonly roles: Roles;
  readonly log: Log;
  readonly closing: Closing;
}): Promise<RunningEngine> {
  const { settings, parts, roles, log, closing } = options;
  const instruments = await openInstruments(settings, roles.api, { log, closing });
  const { metrics } = instruments;
  installSdk(log, instruments.sdkAddress);
  const tracing = openTraces({
    endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: settings.OTEL_EXPORTER_OTLP_HEADERS,
    service: settings.OTEL_SERVICE_NAME,
    version: VERSION,
  });
  closing.add('the traces', tracing.close);
  const clock = (): Date => new Date();
  const box = createSecretBox(parts.encryptionKey, settings.NANGO_ENCRYPTION_KEY_PREVIOUS);
  const catalogue = loadProviders({ file: settings.NANGO_PROVIDERS_FILE });
  if (catalogue.warnings.length > 0) log('providers.not_understood', { warnings: catalogue.warnings });
  const worksHere = roles.actions || roles.syncs;
  const [db, connection, workflowBundle] = await Promise.all([
    openStore(parts.databaseUrl, log, closing),
    openTemporal(parts, closing),
    worksHere ? bundleWorkflows({ traced: tracing.isOn }) : undefined,
  ]);
  const interceptors = tracing.isOn ? { workflow: [traceStarts(tracing)] } : {};
  const client = new Client({ connection, namespace: parts.temporal.namespace, interceptors });
  const operations = openOperationLog(db, (lost) => log('logs.lost', lost));
  closing.add('the log of operations', operations.close);
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
    log,
  );
  closing.add('the refresher', refresher.close);
  const authorizer = createAuthorizer({ vault, elsewhere: refresher.refresh, catalogue, allow, clock, log });
  closing.add('the authorizer', authorizer.close);
  const outbound = createOutbound({
    catalogue,
    keeper: authorizer.keeper,
    sign: authorizer.sign,
    allow,
    clock,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    tracing,
    tracesUpstream: settings.NANGO_TRACE_UPSTREAM,
  });
  closing.add('outbound', outbound.close);
  const ownActions = roles.actions ? createOwnActions() : undefined;
  const engine = createEngine({ client, namespace: parts.temporal.namespace, uiUrl: parts.uiUrl, ownActions });
  const limits = limitsOf(settings);
  const journals = { keep: settings.NANGO_JOURNAL_KEEP, days: settings.NANGO_JOURNAL_KEEP_DAYS };
  let failed = new Promise<never>(() => undefined);
  let sandbox: Sandbox | undefined;
  const processQueue = `${TASK_QUEUES.actions}:${randomUUID()}`;
  if (workflowBundle !== undefined) {
    sandbox = createSandbox({ log });
    closing.add('the sandbox', sandbox.close);
    const { startSync, startAction, startDelivery, runAction, reconcile } = engine;
    const delivery = createDelivery({ allow: settings.NANGO_OUTBOUND_ALLOW, answerTimeoutMs: WEBHOOK_WITHIN_MS });
    closing.add('webhooks', delivery.close);
    const control = openRunControl({ db, log });
    closing.add('the listener for runs', control.close);
    const deps: Dependencies = {
      db,
      box,
      sandbox,
      control,
      outbound,
      keeper: authorizer.keeper,
      delivery,
      catalogue,
      client,
      startSync,
      startAction,
      startDelivery,
      runAction,
      reconcile,
      clock,
      log,
      meter: metrics,
      tracing,
      limits,
      encryptsRecords: settings.NANGO_ENCRYPT_RECORDS,
      recordsKept: {
        pruneAfterDays: settings.NANGO_RECORDS_PRUNE_DAYS,
        removeAfterDays: settings.NANGO_RECORDS_REMOVE_DAYS,
      },
      journals,
      logDays: settings.NANGO_LOGS_KEEP_DAYS,
      processQueue,
      actionLeft: ownActions?.left,
    };
    const { namespace } = parts.temporal;
    const syncSlots = settings.NANGO_SYNC_SLOTS;
    const workers = await startWorkers({ connection, namespace, workflowBundle, deps, roles, syncSlots, tracing });
    closing.add('the workers', workers.stop);
    if (roles.syncs) await ensureOwnSchedules(client);
    failed = workers.done.then(() => new Promise<never>(() => undefined));
  }
  watchProcess(metrics, { db, sandbox });
  addSdkMetrics(instruments, processQueue);
  if (!roles.api) return { db, box, client, clock, apiUrl: undefined, failed };
  watchEngine(metrics, { db, taskQueues: engine.taskQueues });
  const popups = openPopups(db, log);
  closing.add('the lines to popups', popups.close);
  let publicUrl = settings.NANGO_SERVER_URL;
  const server = createServer();
  const { DASHBOARD_USERNAME: username, DASHBOARD_PASSWORD: password } = settings;
  const app = createApp({
    ...{ db, box, engine, popups, outbound, authorizer, catalogue, clock, log, operations, version: VERSION },
    limits: {
      ...DEFAULT_LIMITS,
      callsPerMinute: settings.NANGO_API_CALLS_PER_MINUTE,
      trustedProxies: settings.NANGO_TRUSTED_PROXIES,
    },
    metrics,
    tracing,
    servesMetrics: instruments.onApiPort,
    journals,
    scriptLimits: limits,
    temporalUi: parts.uiUrl ?? null,
    publicUrl: () => publicUrl ?? '',
    callbackUrl: () => settings.NANGO_CALLBACK_URL ?? new URL('/oauth/callback', publicUrl).href,
    strictState: settings.NANGO_STRICT_STATE,
    dashboard: {
      folder: DASHBOARD_FOLDER,
      operator: username !== undefined && password !== undefined ? { username, password } : undefined,
      isOpen: () => server.listening,
    },
  });
  popups.attach(server);
  server.on('request', app);
  const apiUrl = await listen(server, settings, closing);
  publicUrl ??= apiUrl;
  return { db, box, client, clock, apiUrl, failed };
}

/** The version of this release. */
export function version(): string {
  return VERSION;
}

async function openStore(url: string, log: Log, closing: Closing): Promise<Database> {
  const onLost = (error: Error): void => log('store.connection_lost', { error: error.message });
  const { db, applied } = await openMigrated(url, { max: DATABASE_CONNECTIONS, onLost, closing });
  if (applied.length > 0) log('store.migrated', { applied });
  return db;
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
    journal: JOURNAL_LIMITS,
  };
}

const DRAIN_WITHIN_MS = 10_000;

async function listen(server: Server, settings: Settings, closing: Closing): Promise<string> {
  server.listen(settings.SERVER_PORT, settings.SERVER_HOST);
  await once(server, 'listening');
  closing.add('the API', () => drain(server));
  const { port } = server.address() as AddressInfo;
  const host = settings.SERVER_HOST === '0.0.0.0' || settings.SERVER_HOST === '::' ? 'localhost' : settings.SERVER_HOST;
  return `http://${host}:${port}`;
}

/** Takes no new calls and lets those under way finish, for a while. */
async function drain(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A connection whose call ends only now would be kept alive for seconds.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const forced = setTimeout(() => server.closeAllConnections(), DRAIN_WITHIN_MS);
  await closed.finally(() => {
    clearInterval(sweep);
    clearTimeout(forced);
  });
}
