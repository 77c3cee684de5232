import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openParts } from '../../platform/parts.ts';
import { freePort } from '../../platform/ports.ts';
import type { Closing } from '../../runtime/closing.ts';
import { readSettings } from '../../runtime/env.ts';
import { openTheatre, type Theatre } from './theatre.ts';

/** The theatre on a durable Postgres and a Temporal server of its own, in a folder that goes away with it. */
export async function openOwnTheatre(
  closing: Closing,
  { workers, settings: own = {} }: { readonly workers: number; readonly settings?: Theatre['settings'] },
): Promise<Theatre> {
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-bench-'));
  closing.add('the data folder', () => rm(folder, { recursive: true, force: true }));
  const settings = readSettings({ NANGO_DATA_DIR: folder });
  const parts = await openParts(settings, closing, { durable: true, uiPort: await freePort() });
  const servers = { databaseUrl: parts.databaseUrl, temporalAddress: parts.temporal.address };
  return openTheatre(closing, { ...servers, workers, settings: own });
}
