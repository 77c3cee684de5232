import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../platform/ports.ts';
import { startPostgres } from '../../platform/postgres.ts';
import { startTemporal } from '../../platform/temporal-server.ts';
import type { Closing } from '../../runtime/closing.ts';
import { keepServer, type Struck } from '../siege/servers.ts';
import { hasTemporalServer, prepareTemporal } from './temporal.ts';

export type Servers = {
  readonly postgres: Struck;
  /** Of the superuser. */
  readonly postgresUrl: string;
  readonly temporal: Struck;
  readonly temporalAddress: string;
  /** What the Temporal server is. */
  readonly temporalKind: 'server with Postgres' | 'CLI';
  readonly pidOf: (server: 'postgres' | 'temporal') => number;
};

const NAMESPACE = 'default';
const PASSWORD = 'cluster';

/** The servers of a cluster with their data in `folder`, with nothing of the engine in them. */
export async function openServers(
  closing: Closing,
  { folder, say }: { readonly folder: string; readonly say: (line: string) => void },
): Promise<Servers> {
  const port = await freePort();
  const postgresUrl = `postgres://nango:${PASSWORD}@127.0.0.1:${port}/postgres`;
  const postgres = await keepServer(closing, join(folder, 'postgres.pid'), () =>
    startPostgres({ folder: join(folder, 'postgres'), port, password: PASSWORD, durable: true }),
  );
  const { kind, address, start } = await chooseTemporal(folder, postgresUrl, say);
  const temporal = await keepServer(closing, join(folder, 'temporal.pid'), start);
  const pidOf = (server: string): number => Number(readFileSync(join(folder, `${server}.pid`), 'utf8'));
  return { postgres, postgresUrl, temporal, temporalAddress: address, temporalKind: kind, pidOf };
}

/** What every process of the engine is told of the servers; `providers` is the text of its catalogue, kept in `folder`. */
export async function engineSettings(
  folder: string,
  { postgresUrl, temporalAddress }: Servers,
  providers: string,
): Promise<Readonly<Record<string, string>>> {
  const shared = {
    DATABASE_URL: postgresUrl,
    TEMPORAL_ADDRESS: temporalAddress,
    NANGO_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    NANGO_PROVIDERS_FILE: join(folder, 'providers.yaml'),
    NANGO_OUTBOUND_ALLOW: '127.0.0.1',
    NANGO_DATA_DIR: folder,
  };
  await writeFile(shared.NANGO_PROVIDERS_FILE, providers);
  return shared;
}

type Starter = { readonly address: string; readonly start: () => Promise<{ readonly stop: () => Promise<void> }> };

async function chooseTemporal(
  folder: string,
  postgresUrl: string,
  say: (line: string) => void,
): Promise<Starter & { readonly kind: Servers['temporalKind'] }> {
  if (await hasTemporalServer()) {
    const { address, start } = await prepareTemporal({ folder, postgresUrl, namespace: NAMESPACE, say });
    return { kind: 'server with Postgres', address, start };
  }
  say('Go is missing: the Temporal of this cluster is the CLI’s server');
  const [port, uiPort] = [await freePort(), await freePort()];
  const start = () => startTemporal({ folder: join(folder, 'temporal'), port, uiPort, namespace: NAMESPACE });
  return { kind: 'CLI', address: `127.0.0.1:${port}`, start };
}
