import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { Express, IRouter } from 'express';
import { type ApiDeps, type ApiLimits, createApp, DEFAULT_LIMITS } from '../../api/app.ts';
import { openPopups, type PopupLimits } from '../../api/popups.ts';
import { loadProviders } from '../../outbound/catalogue.ts';
import { type Authorizer, createAuthorizer } from '../../outbound/auth/authorizer.ts';
import { createOutbound, type Outbound } from '../../outbound/request.ts';
import { createCredentialVault } from '../../store/credentials.ts';
import type { Database } from '../../store/db.ts';
import { openOperationLog } from '../../store/operation-log.ts';
import { createApiKey, ensureEnvironment } from '../../store/environments.ts';
import { UNTRACED } from '../../contract/tracing.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import { useDatabase } from './database.ts';
import { createRecordingEngine, type RecordingEngine } from './engine.ts';

const PROVIDERS = fileURLToPath(new URL('../fixtures/api/providers.yaml', import.meta.url));
export const NOW = new Date('2026-01-01T00:00:00.000Z');

export type ApiAnswer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The text as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at shapes that it then asserts.
  readonly body: any;
};
export type ApiRequest = {
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
  /** @default the key of environment `dev`; null sends none */
  readonly key?: string | null;
};

export type TestApi = {
  readonly url: string;
  readonly port: number;
  /** Every `[method, path]` the app answers, as it was registered; of `/proxy` there is no path. */
  readonly routes: () => readonly (readonly [string, string])[];
  readonly db: Database;
  readonly key: string;
  /** The key of another environment, `prod`. */
  readonly otherKey: string;
  readonly engine: RecordingEngine;
  readonly box: ApiDeps['box'];
  /** Sets the clock until the end of the test. */
  readonly setTime: (at: Date) => void;
  readonly authorizer: Authorizer;
  /** What was logged since the start of this test. */
  readonly events: readonly { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[];
  readonly call: (method: string, path: string, request?: ApiRequest) => Promise<ApiAnswer>;
};

/**
 * The real app on a free port over a database of the test file's own and real outbound calls; only Temporal is a
 * recording. Everything closes after the file's last test.
 */
export function useApi(
  limits: Partial<ApiLimits & Omit<PopupLimits, 'trustedProxies'>> = {},
  wiring: Partial<ApiDeps> = {},
): TestApi {
  const database = useDatabase();
  const engine = createRecordingEngine();
  const box = createSecretBox(randomBytes(32).toString('base64'));
  const events: { event: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const server: Server = createServer();
  const time = { now: NOW, clock: () => time.now };
  const closers: (() => unknown)[] = [];
  let app: Express | undefined;
  let authorizer: Authorizer | undefined;
  let outbound: Outbound | undefined;
  let keys: readonly [string, string] | undefined;
  beforeAll(async () => {
    const catalogue = loadProviders({ file: PROVIDERS });
    const { clock } = time;
    const allow = ['127.0.0.1'];
    const log = (event: string, fields: Readonly<Record<string, unknown>>) => events.push({ event, fields });
    const holds = database.open(4);
    const vault = createCredentialVault({ db: database.pool, holds, box });
    const operations = openOperationLog(database.pool, (lost) => log('logs.lost', lost));
    authorizer = createAuthorizer({ vault, catalogue, allow, clock, log, operations });
    closers.push(
      operations.close,
      () => authorizer?.close(),
      () => holds.end(),
    );
    outbound = createOutbound({
      catalogue,
      keeper: authorizer.keeper,
      sign: authorizer.sign,
      allow,
      clock,
      maxResponseBytes: 1_000_000,
    });
    const popups = openPopups(database.pool, log, limits);
    popups.attach(server);
    closers.push(popups.close);
    app = createApp({
      popups,
      db: database.pool,
      box,
      engine,
      outbound,
      authorizer,
      catalogue,
      clock,
      log,
      operations,
      publicUrl: () => url(),
      callbackUrl: () => `${url()}/oauth/callback`,
      strictState: false,
      metrics: createMetrics(),
      tracing: UNTRACED,
      servesMetrics: true,
      ...wiring,
      version: '0.0.0-test',
      limits: {
        ...DEFAULT_LIMITS,
        failuresPerMinute: 10_000,
        bodyBytes: 1_000_000,
        reconcileWaitMs: 50,
        readyForMs: 0,
        ...limits,
      },
      journals: { keep: 'failed', days: 7 },
      scriptLimits: { memoryMb: 256, cpuMs: 30_000 },
    });
    keys = [await keyOf(database.pool, 'dev'), await keyOf(database.pool, 'prod')];
    server.on('request', app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(() => {
    engine.reset();
    events.length = 0;
    time.now = NOW;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    outbound?.close();
    for (const close of closers) await close();
  });
  const port = () => (server.address() as AddressInfo).port;
  const url = () => `http://127.0.0.1:${port()}`;
  const known = () => keys ?? ['', ''];
  return {
    engine,
    box,
    events,
    setTime: (at) => {
      time.now = at;
    },
    get authorizer() {
      if (authorizer === undefined) throw new Error('The API is there from beforeAll on');
      return authorizer;
    },
    get url() {
      return `http://127.0.0.1:${port()}`;
    },
    get port() {
      return port();
    },
    routes: () => (app === undefined ? [] : routesOf(app.router.stack)),
    get db() {
      return database.pool;
    },
    get key() {
      return known()[0];
    },
    get otherKey() {
      return known()[1];
    },
    call: (method, path, request = {}) =>
      call(`http://127.0.0.1:${port()}${path}`, method, { key: known()[0], ...request }),
  };
}

function routesOf(layers: IRouter['stack']): (readonly [string, string])[] {
  return layers.flatMap((layer) => {
    const { route } = layer;
    if (route === undefined) return 'stack' in layer.handle ? routesOf(layer.handle.stack as IRouter['stack']) : [];
    const methods = new Set(route.stack.map(({ method }) => method.toUpperCase()));
    return [route.path].flat().flatMap((path) => [...methods].map((method) => [method, path] as const));
  });
}

async function keyOf(db: Database, name: string): Promise<string> {
  const { id } = await ensureEnvironment(db, name, NOW);
  return createApiKey(db, id, NOW);
}

async function call(url: string, method: string, request: ApiRequest): Promise<ApiAnswer> {
  const headers = new Headers(request.headers);
  if (request.key) headers.set('authorization', `Bearer ${request.key}`);
  if (request.body !== undefined) headers.set('content-type', 'application/json');
  const body = request.raw ?? (request.body === undefined ? undefined : JSON.stringify(request.body));
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body }), redirect: 'manual' });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
