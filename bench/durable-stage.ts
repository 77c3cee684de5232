/**
 * Runs without Temporal and REST around them: a durable Postgres, the sandbox and outbound calls in this process, the
 * upstream in another. What is compared here differs in the journal alone, and nothing else shall blur it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMigrated } from '../platform/database.ts';
import { freePort } from '../platform/ports.ts';
import { startPostgres } from '../platform/postgres.ts';
import type { Closing } from '../runtime/closing.ts';
import { type Database, openDatabase } from '../store/db.ts';
import { type DurableRuns, openDurableRuns } from '../test/support/durable-runs.ts';
import { startScript } from './process.ts';

export type DurableStage = {
  readonly runs: DurableRuns;
  /** A connection to the database that the runs do not use. */
  readonly other: Database;
  readonly upstreamUrl: string;
};

export async function openDurableStage(closing: Closing, upstream: string): Promise<DurableStage> {
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-bench-'));
  closing.add('the data folder', () => rm(folder, { recursive: true, force: true }));
  const { ready } = await startScript(upstream, { closing, ready: /^listening on (\d+)$/ });
  const upstreamUrl = `http://127.0.0.1:${ready[1]}`;
  const place = { folder: join(folder, 'postgres'), port: await freePort(), password: 'bench' };
  const postgres = await startPostgres({ ...place, durable: true });
  closing.add('Postgres', postgres.stop);
  const { db } = await openMigrated(postgres.url, { max: 20, onLost: () => undefined, closing });
  const other = openDatabase(postgres.url, { max: 1, onLost: () => undefined });
  closing.add('the other connection', () => other.end());
  const providers = { example: { auth_mode: 'API_KEY', proxy: { base_url: upstreamUrl } } };
  return { runs: await openDurableRuns({ db, closing, providers }), other, upstreamUrl };
}
