/** `npm run demo`: the main job from nothing to records and back, on embedded parts and throw-away data. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readSettings } from '../runtime/env.ts';
import { startEngine } from './compose.ts';
import { playDemo } from './demo-story.ts';
import { startExample } from './example.ts';
import { ensureEnvironments } from './first-start.ts';
import { runProcess } from './main-process.ts';
import { narrate } from './narrate.ts';
import { openParts } from './parts.ts';
import { freePort } from './ports.ts';

const { values: flags } = parseArgs({ options: { keep: { type: 'boolean' } } });

await runProcess(async (closing) => {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const begun = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-demo-'));
  closing.add('the data folder', () => rm(folder, { recursive: true, force: true }));
  // Whatever the surroundings are set to: the demo stands on its own parts.
  const given = readSettings({ NANGO_DATA_DIR: folder, SERVER_PORT: '0' });
  say('Starting Postgres, Temporal, a worker, the API and an example upstream …');
  const { settings, upstream } = await startExample(given, closing, 0);
  const parts = await openParts(settings, closing, { durable: false, uiPort: await freePort() });
  const roles = { api: true, actions: true, syncs: true };
  const engine = await startEngine({ settings, parts, roles, log: narrate((line) => say(`    ${line}`)), closing });
  const apiUrl = engine.apiUrl ?? '';
  const keys = await ensureEnvironments(engine.db, { folder: null, apiUrl, at: engine.clock() });
  say(`  REST API ${apiUrl}, Temporal Web UI ${parts.uiUrl}, example upstream ${upstream.url}`);
  const story = playDemo({
    caller: { apiUrl, key: keys['dev'] ?? '' },
    upstream,
    client: engine.client,
    uiUrl: parts.uiUrl ?? '',
    folder,
    say,
    startMs: performance.now() - begun,
  });
  await Promise.race([story, engine.failed]);
  if (!flags.keep) return { until: Promise.resolve() };
  say(
    `\nKept running. To use it from a shell:\n  export NANGO_HOSTPORT=${apiUrl} NANGO_SECRET_KEY_DEV=${keys['dev']}\nCtrl-C stops it.`,
  );
  return { until: engine.failed };
});
