import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { type Roles, type RunningEngine, startEngine } from '../../platform/compose.ts';
import { type Caller, call } from '../../platform/example.ts';
import { type ExampleUpstream, exampleProviders, startExampleUpstream } from '../../platform/example-upstream.ts';
import { ensureEnvironments } from '../../platform/first-start.ts';
import { type Closing, createClosing } from '../../runtime/closing.ts';
import { readSettings } from '../../runtime/env.ts';
import { type TestDatabase, useDatabase } from './database.ts';
import { type TestTemporal, useTemporal } from './temporal.ts';

export type LogEvent = { readonly event: string; readonly fields: Readonly<Record<string, unknown>> };

export type TestPlatform = {
  readonly caller: Caller;
  readonly engine: RunningEngine;
  readonly upstream: ExampleUpstream;
  readonly events: readonly LogEvent[];
  /** Resolves with the first event that `matches`, also one that was logged already. */
  readonly event: (matches: (event: LogEvent) => boolean) => Promise<LogEvent>;
  /** Stops and starts API and workers; Postgres and Temporal stay, or are those of `on`. */
  readonly stop: () => Promise<void>;
  readonly start: (roles?: Partial<Roles>, on?: Servers) => Promise<void>;
  readonly temporal: TestTemporal;
  readonly database: TestDatabase;
};

type Servers = {
  readonly databaseUrl: string;
  readonly temporal: TestTemporal;
  /** @default the key of the first start */
  readonly encryptionKey?: string;
};

/**
 * Everything real in one process, as `npm start` composes it: Postgres, Temporal, worker, API, example upstream.
 * @param temporalSettings dynamic settings of the Temporal server besides, as `key=value`.
 */
export function usePlatform(
  settings: Readonly<Record<string, string>> = {},
  firstRoles: Partial<Roles> = {},
  temporalSettings: readonly string[] = [],
): TestPlatform {
  // Registered first: hooks run in this order, and the platform must stop before the servers it holds on to.
  afterAll(async () => {
    await closing.run();
    await upstream?.close();
    await rm(folder, { recursive: true, force: true });
  }, 180_000);
  const database = useDatabase();
  const temporal = useTemporal(temporalSettings);
  const firstKey = settings['NANGO_ENCRYPTION_KEY'] ?? randomBytes(32).toString('base64');
  const journal = createEventJournal();
  let folder = '';
  let key = '';
  let upstream: ExampleUpstream | undefined;
  let closing: Closing = createClosing();
  let engine: RunningEngine | undefined;

  const start = async (
    roles: Partial<Roles> = {},
    on: Servers = { databaseUrl: database.url, temporal },
  ): Promise<void> => {
    closing = createClosing();
    const { server } = on.temporal;
    engine = await startEngine({
      settings: readSettings({
        SERVER_PORT: '0',
        NANGO_DATA_DIR: folder,
        NANGO_PROVIDERS_FILE: join(folder, 'providers.yaml'),
        NANGO_OUTBOUND_ALLOW: '127.0.0.1',
        ...settings,
      }),
      parts: {
        databaseUrl: on.databaseUrl,
        encryptionKey: on.encryptionKey ?? firstKey,
        temporal: { ...NO_TLS, address: server.address, namespace: 'default' },
        uiUrl: server.uiUrl,
        startsTemporal: true,
      },
      roles: { api: true, actions: true, syncs: true, ...roles },
      log: journal.log,
      closing,
    });
    const keys = await ensureEnvironments(engine.db, { folder: null, apiUrl: undefined, at: new Date() });
    key ||= keys['dev'] ?? '';
  };
  const stop = () => closing.run();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nango-test-platform-'));
    upstream = await startExampleUpstream();
    await writeFile(join(folder, 'providers.yaml'), exampleProviders(upstream.url));
    await start(firstRoles);
  }, 180_000);
  return {
    events: journal.events,
    event: journal.event,
    start,
    stop,
    temporal,
    database,
    get caller() {
      return { apiUrl: there(engine).apiUrl ?? '', key };
    },
    get engine() {
      return there(engine);
    },
    get upstream() {
      return there(upstream);
    },
  };
}

const NO_TLS = { certFile: undefined, keyFile: undefined, caFile: undefined, apiKey: undefined };

function createEventJournal() {
  const events: LogEvent[] = [];
  const waiting = new Set<() => void>();
  return {
    events,
    log: (event: string, fields: Readonly<Record<string, unknown>>): void => {
      events.push({ event, fields });
      for (const look of waiting) look();
    },
    event: (matches: (event: LogEvent) => boolean) =>
      new Promise<LogEvent>((resolve) => {
        const look = (): void => {
          const found = events.find(matches);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

export type RunJson = {
  readonly id: string;
  readonly state: string;
  readonly started_by: string;
  readonly connection_id: string;
  readonly counts: Readonly<Record<string, { added: number; updated: number; deleted: number }>>;
  readonly deletions_held: Readonly<Record<string, number>>;
  readonly violations: readonly { path: string; message: string; records: number; example_id: string }[];
  readonly error: { code: string; message: string; location?: { file: string; line: number; column: number } } | null;
  readonly logs: readonly { level: string; message: string }[];
  readonly workflow_id: string;
  readonly attempts: number;
  readonly generation: number;
  readonly replays: readonly { at: string; why: string }[];
  readonly resume_at: string | null;
  readonly wait_reason: string | null;
};

/** Triggers a sync and answers its run once it has ended. */
export async function runSync(
  platform: TestPlatform,
  sync: { integration: string; connection: string; name: string },
): Promise<RunJson> {
  return endedRun(platform, await triggerSync(platform, sync));
}

/** Triggers a sync and answers the id of its run. */
export async function triggerSync(
  { caller }: TestPlatform,
  sync: { integration: string; connection: string; name: string },
): Promise<string> {
  const body = { syncs: [sync.name], provider_config_key: sync.integration, connection_id: sync.connection };
  const { runs } = await call<{ runs: { run_id: string }[] }>(caller, 'POST', '/sync/trigger', body);
  return there(runs[0]).run_id;
}

/** A run once it has ended. */
export async function endedRun(platform: TestPlatform, runId: string): Promise<RunJson> {
  await platform.event(({ event, fields }) => event === 'run.ended' && fields['run'] === runId);
  return call<RunJson>(platform.caller, 'GET', `/runs/${runId}`);
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The platform is there from beforeAll on');
  return value;
}
