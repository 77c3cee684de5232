/** `npm start`: the platform for everyday use, with its data kept in `.local/`. */
import { parseArgs } from 'node:util';
import { endBundler } from '../sandbox/guest-runtime.ts';
import { createApiKey, ensureEnvironment } from '../store/environments.ts';
import { readSettings } from '../runtime/env.ts';
import { startEngine, version } from './compose.ts';
import { buildDashboard } from './dashboard-build.ts';
import { startExample } from './example.ts';
import { ensureEnvironments, keyLines } from './first-start.ts';
import { runProcess } from './main-process.ts';
import { openParts } from './parts.ts';
import { checkPort } from './ports.ts';
import { narrate } from './narrate.ts';

const HELP = `npm start: runs the platform with its data in .local/

  npm start                        REST API on port 3003, Temporal Web UI on port 8233
  npm start -- --example           also runs the example upstream, with one integration and connection
  npm start -- --new-key dev       makes another secret key for an environment and prints it
  npm run reset                    deletes .local/ after asking

Settings are environment variables; docs/settings.md has their table.
`;

const { values: flags } = parseArgs({
  options: { example: { type: 'boolean' }, 'new-key': { type: 'string' }, help: { type: 'boolean', short: 'h' } },
});

if (flags.help) {
  process.stdout.write(HELP);
} else {
  await runProcess(async (closing) => {
    const say = (line: string): void => void process.stdout.write(`${line}\n`);
    let settings = readSettings();
    await checkPort(settings.SERVER_PORT, settings.SERVER_HOST, 'SERVER_PORT');
    // Beside everything else: until it is there, its pages say so and load again by themselves.
    const dashboard = buildDashboard(say);
    const example = flags.example ? await startExample(settings, closing) : undefined;
    if (example) settings = example.settings;
    const parts = await openParts(settings, closing, { durable: true, uiPort: settings.TEMPORAL_UI_PORT });
    const roles = { api: true, actions: true, syncs: true };
    const engine = await startEngine({ settings, parts, roles, log: narrate(say), closing });
    void engine.loaded.then(endBundler);
    const at = engine.clock();
    const keys = await ensureEnvironments(engine.db, { folder: settings.NANGO_DATA_DIR, apiUrl: engine.apiUrl, at });
    say(`nango-temporal ${version()}`);
    say(`  REST API          ${engine.apiUrl}`);
    say(`  Dashboard         ${engine.apiUrl}/ (sign in with a secret key)`);
    if (parts.uiUrl) say(`  Temporal Web UI   ${parts.uiUrl}`);
    if (Object.keys(keys).length > 0) {
      say(
        `\nFirst start. Put these lines into the .env of your integrations folder (kept in ${settings.NANGO_DATA_DIR}/.env):\n`,
      );
      for (const line of keyLines(keys, engine.apiUrl)) say(`  ${line}`);
    }
    if (flags['new-key'] !== undefined) {
      const environment = await ensureEnvironment(engine.db, flags['new-key'], at);
      const key = await createApiKey(engine.db, environment.id, at);
      say(
        `\nA new key for '${environment.name}', shown once:\n\n  ${keyLines({ [environment.name]: key }, undefined)[0]}`,
      );
    }
    if (example) await example.connect(engine, say);
    say('\nReady. Ctrl-C stops it.\n');
    void dashboard;
    return { until: engine.failed };
  });
}
