import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../platform/ports.ts';
import type { Closing } from '../runtime/closing.ts';
import { type RunningProcess, startScript } from './process.ts';

const READY_WITHIN_MS = 60_000;

/**
 * `npm start` with embedded parts in a throw-away `folder`, to be started and stopped as often as needed. `url` is that of
 * the API, which may change with each start.
 */
export async function openPlatform(
  closing: Closing,
  extra: Readonly<Record<string, string>> = {},
): Promise<{
  readonly folder: string;
  readonly start: () => Promise<RunningProcess & { readonly readyMs: number; readonly url: string }>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-bench-'));
  closing.add('the data folder', () => rm(folder, { recursive: true, force: true }));
  const start = async () => {
    const port = String(await freePort());
    const url = `http://127.0.0.1:${port}`;
    const settings = {
      ...extra,
      NANGO_DATA_DIR: folder,
      SERVER_PORT: port,
      TEMPORAL_UI_PORT: String(await freePort()),
    };
    const begun = performance.now();
    const starting = startScript('platform/start.ts', { closing, ready: /^Ready\./, settings });
    const [platform] = await Promise.all([starting, untilReady(`${url}/ready`, starting)]);
    const readyMs = performance.now() - begun;
    return { ...platform, readyMs, url };
  };
  return { folder, start };
}

async function untilReady(url: string, starting: Promise<unknown>): Promise<void> {
  let failed = false;
  starting.catch(() => {
    failed = true;
  });
  for (const deadline = Date.now() + READY_WITHIN_MS; !failed && Date.now() < deadline; await delay(10)) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
  }
}
