/**
 * The Temporal server of a cluster, as docker-compose.yml starts it: with its own schema in Postgres. Built from the Go
 * module of the server once, into the folder of caches; where Go is missing there is the CLI's server instead.
 */
import { execFile } from 'node:child_process';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { startServer } from '../../platform/child-process.ts';
import { freePort } from '../../platform/ports.ts';
import { openDatabase } from '../../store/db.ts';

const run = promisify(execFile);
const MODULE = 'go.temporal.io/server';
/** The version inside the CLI that the platform brings. */
const VERSION = 'v1.32.0';
const CACHE = join(homedir(), '.cache', 'nango-temporal', `temporal-server-${VERSION.slice(1)}`);
const DATABASES = { temporal: 'temporal', temporal_visibility: 'visibility' } as const;
/** As in docker-compose.yml. */
const SHARDS = 4;
const READY_WITHIN_MS = 120_000;
const NAMESPACE_KEPT_S = 7 * 24 * 60 * 60;

export type ClusterTemporal = {
  readonly address: string;
  readonly start: () => Promise<{ readonly stop: () => Promise<void> }>;
};

/** Whether the server can be built or has been. */
export async function hasTemporalServer(): Promise<boolean> {
  if (await isThere(join(CACHE, 'server'))) return true;
  return run('go', ['version']).then(
    () => true,
    () => false,
  );
}

/** Makes the two databases and their schema, and answers how to start the server on them as often as needed. */
export async function prepareTemporal(options: {
  readonly folder: string;
  /** Of the superuser, in any database. */
  readonly postgresUrl: string;
  readonly namespace: string;
  readonly say: (line: string) => void;
}): Promise<ClusterTemporal> {
  const { folder, postgresUrl, namespace, say } = options;
  await build(say);
  await makeDatabases(postgresUrl);
  const ports = await Promise.all(Array.from({ length: 9 }, freePort));
  const config = join(folder, 'temporal-config');
  await mkdir(config, { recursive: true });
  await writeFile(join(config, 'dynamic.yaml'), DYNAMIC);
  await writeFile(join(config, 'cluster.yaml'), JSON.stringify(configOf(config, postgresUrl, ports)));
  const address = `127.0.0.1:${ports[0]}`;
  const start = async () => {
    const server = await startServer({
      command: join(CACHE, 'server'),
      args: ['--root', folder, '--config', 'temporal-config', '--env', 'cluster', '--allow-no-auth', 'start'],
      pidFile: join(folder, 'temporal.pid'),
      stopSignal: 'SIGTERM',
    });
    await untilReady(address, namespace, server.output);
    return { stop: server.stop };
  };
  return { address, start };
}

async function build(say: (line: string) => void): Promise<void> {
  const parts = ['server', 'sql'].map((name) => join(CACHE, name));
  if ((await Promise.all(parts.map(isThere))).every(Boolean)) return;
  say(`building ${MODULE}@${VERSION} into ${CACHE}, which takes some minutes once`);
  await mkdir(CACHE, { recursive: true });
  const packages = ['cmd/server', 'cmd/tools/sql'].map((name) => `${MODULE}/${name}@${VERSION}`);
  // Outside of any module, so that nothing of the surroundings counts.
  await run('go', ['install', ...packages], { cwd: homedir(), env: { ...process.env, GOBIN: CACHE } });
}

async function makeDatabases(postgresUrl: string): Promise<void> {
  const { username, password, hostname, port } = new URL(postgresUrl);
  const { stdout } = await run('go', ['list', '-m', '-f', '{{.Dir}}', `${MODULE}@${VERSION}`], {
    cwd: homedir(),
    env: { ...process.env, GO111MODULE: 'on', GOFLAGS: '-mod=mod' },
  });
  const db = openDatabase(postgresUrl, { max: 1, onLost: () => undefined });
  try {
    for (const [database, schema] of Object.entries(DATABASES)) {
      await db.query(`create database ${database}`);
      const server = ['--plugin', 'postgres12', '--endpoint', hostname, '--port', port];
      const tool = [...server, '--user', username, '--password', password, '--database', database];
      await run(join(CACHE, 'sql'), [...tool, 'setup-schema', '--version', '0.0']);
      const versions = join(stdout.trim(), 'schema', 'postgresql', 'v12', schema, 'versioned');
      await run(join(CACHE, 'sql'), [...tool, 'update-schema', '--schema-dir', versions]);
    }
  } finally {
    await db.end();
  }
}

/** The settings of docker-compose.yml. */
const DYNAMIC = ['transferProcessor', 'timerProcessor', 'visibilityProcessor']
  .map((name) => `history.${name}MaxPollRPS: [{ value: 2000 }]\n`)
  .concat('matching.enableFairness: [{ value: true }]\n')
  .join('');

/** The server reads YAML, of which JSON is a part. */
function configOf(folder: string, postgresUrl: string, ports: readonly number[]): object {
  const { username, password, host } = new URL(postgresUrl);
  const store = (databaseName: string) => ({
    sql: {
      ...{ pluginName: 'postgres12', databaseName, connectAddr: host, connectProtocol: 'tcp' },
      ...{ user: username, password, maxConns: 20, maxIdleConns: 20, maxConnLifetime: '1h' },
    },
  });
  const service = (grpcPort: number | undefined, membershipPort: number | undefined) => ({
    rpc: { grpcPort, membershipPort, bindOnIP: '127.0.0.1' },
  });
  return {
    log: { stdout: true, level: 'error' },
    persistence: {
      ...{ defaultStore: 'default', visibilityStore: 'visibility', numHistoryShards: SHARDS },
      datastores: { default: store('temporal'), visibility: store('temporal_visibility') },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' } },
    services: {
      frontend: service(ports[0], ports[1]),
      matching: service(ports[2], ports[3]),
      history: service(ports[4], ports[5]),
      worker: service(ports[6], ports[7]),
    },
    clusterMetadata: {
      ...{ enableGlobalNamespace: false, failoverVersionIncrement: 10 },
      ...{ masterClusterName: 'active', currentClusterName: 'active' },
      clusterInformation: {
        active: {
          ...{ enabled: true, initialFailoverVersion: 1 },
          ...{ rpcName: 'frontend', rpcAddress: `127.0.0.1:${ports[0]}` },
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    dynamicConfigClient: { filepath: join(folder, 'dynamic.yaml'), pollInterval: '10s' },
  };
}

/** Until it answers and the namespace is there, which is made the first time. */
async function untilReady(address: string, namespace: string, output: () => string): Promise<void> {
  for (const deadline = performance.now() + READY_WITHIN_MS; ; await delay(250)) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: '2 seconds' });
      await makeNamespace(connection, namespace).finally(() => connection.close());
      return;
    } catch (cause) {
      if (performance.now() > deadline) throw new Error(`Temporal is not ready:\n${output()}`, { cause });
    }
  }
}

const ALREADY_EXISTS = 6;

async function makeNamespace({ workflowService }: Connection, namespace: string): Promise<void> {
  const workflowExecutionRetentionPeriod = { seconds: NAMESPACE_KEPT_S as never };
  await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod }).catch((error: unknown) => {
    if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error;
  });
  // It is known to all parts of the server only some seconds after it was made.
  await workflowService.countWorkflowExecutions({ namespace });
}

function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
