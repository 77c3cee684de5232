/** The servers the engine stands on: those the settings name, or embedded ones in the data folder. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EngineError } from '../contract/failures.ts';
import type { Closing } from '../runtime/closing.ts';
import type { Settings } from '../runtime/env.ts';
import type { TemporalAddress } from '../worker/connect.ts';
import { isAlive, stopLeftOver } from './child-process.ts';
import { checkPort, freePort } from './ports.ts';
import { readOrMake, startPostgres } from './postgres.ts';
import { startTemporal } from './temporal-server.ts';

export type Parts = {
  readonly databaseUrl: string;
  readonly encryptionKey: string;
  readonly temporal: TemporalAddress;
  readonly uiUrl: string | undefined;
  /** Whether the Temporal server was started with us, just now. */
  readonly startsTemporal: boolean;
};

/**
 * Starts what the settings do not name. `durable: false` is for throw-away data.
 * @throws EngineError naming the setting to change; what was started by then is in `closing`.
 */
export async function openParts(
  settings: Settings,
  closing: Closing,
  options: { readonly durable: boolean; readonly uiPort: number },
): Promise<Parts> {
  const folder = resolve(settings.NANGO_DATA_DIR);
  await openFolder(folder, closing);
  await stopLeftOvers(folder);
  if (settings.TEMPORAL_ADDRESS === undefined) await checkPort(options.uiPort, '127.0.0.1', 'TEMPORAL_UI_PORT');
  const [databaseUrl, temporal, encryptionKey] = await Promise.all([
    openDatabaseServer(settings, folder, closing, options.durable),
    openTemporalServer(settings, folder, closing, options.uiPort),
    encryptionKeyOf(settings, folder),
  ]);
  return { databaseUrl, encryptionKey, ...temporal, startsTemporal: settings.TEMPORAL_ADDRESS === undefined };
}

/** One platform per folder: a second one would stop the servers of the first as left over. */
async function openFolder(folder: string, closing: Closing): Promise<void> {
  await mkdir(folder, { recursive: true });
  // The embedded Postgres runs as a user of its own and has to reach its folder through this one.
  await chmod(folder, 0o711);
  const lock = join(folder, 'platform.pid');
  const pid = Number(await readFile(lock, 'utf8').catch(() => ''));
  if (pid > 1 && pid !== process.pid && isAlive(pid)) {
    throw new EngineError(
      'configuration_invalid',
      `'${folder}' is in use by process ${pid}: stop that one, or choose another folder with NANGO_DATA_DIR`,
    );
  }
  await writeFile(lock, String(process.pid));
  closing.add('the data folder', () => rm(lock, { force: true }));
}

/** Ends the servers of a platform that was killed; they hold their ports and their data. */
export async function stopLeftOvers(folder: string): Promise<void> {
  await stopLeftOver(join(folder, 'postgres.pid'), 'postgres');
  await stopLeftOver(join(folder, 'temporal.pid'), 'temporal');
}

async function openDatabaseServer(
  settings: Settings,
  folder: string,
  closing: Closing,
  durable: boolean,
): Promise<string> {
  if (settings.DATABASE_URL !== undefined) return settings.DATABASE_URL;
  const password = await readOrMake(join(folder, 'postgres-password'), () => randomBytes(24).toString('hex'));
  const port = await freePort();
  const postgres = await startPostgres({ folder: join(folder, 'postgres'), port, password, durable });
  closing.add('Postgres', postgres.stop);
  return postgres.url;
}

async function openTemporalServer(
  settings: Settings,
  folder: string,
  closing: Closing,
  uiPort: number,
): Promise<{ temporal: TemporalAddress; uiUrl: string | undefined }> {
  const login = {
    namespace: settings.TEMPORAL_NAMESPACE,
    certFile: settings.TEMPORAL_TLS_CERT,
    keyFile: settings.TEMPORAL_TLS_KEY,
    caFile: settings.TEMPORAL_TLS_CA,
    apiKey: settings.TEMPORAL_API_KEY,
  };
  if (settings.TEMPORAL_ADDRESS !== undefined) {
    return { temporal: { address: settings.TEMPORAL_ADDRESS, ...login }, uiUrl: settings.TEMPORAL_UI_URL };
  }
  const port = await freePort();
  const namespace = settings.TEMPORAL_NAMESPACE;
  const server = await startTemporal({ folder: join(folder, 'temporal'), port, uiPort, namespace });
  closing.add('Temporal', server.stop);
  return { temporal: { address: server.address, ...login }, uiUrl: server.uiUrl };
}

function encryptionKeyOf(settings: Settings, folder: string): Promise<string> {
  if (settings.NANGO_ENCRYPTION_KEY !== undefined) return Promise.resolve(settings.NANGO_ENCRYPTION_KEY);
  if (settings.DATABASE_URL === undefined) {
    return readOrMake(join(folder, 'encryption-key'), () => randomBytes(32).toString('base64'));
  }
  throw new EngineError(
    'configuration_invalid',
    'NANGO_ENCRYPTION_KEY is not set: every process that shares DATABASE_URL needs the same one. Make it with: openssl rand -base64 32',
  );
}
