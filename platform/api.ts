/** `npm run api`: one API process, which also runs actions unless NANGO_ACTIONS_IN_API is false. */
import { readSettings } from '../runtime/env.ts';
import { createLog } from '../runtime/log.ts';
import { startEngine } from './compose.ts';
import { runProcess } from './main-process.ts';
import { checkPort } from './ports.ts';
import { sharedParts } from './shared-parts.ts';

await runProcess(async (closing) => {
  const settings = readSettings();
  const log = createLog(
    (line) => process.stdout.write(line),
    () => new Date(),
  );
  const parts = sharedParts(settings);
  await checkPort(settings.SERVER_PORT, settings.SERVER_HOST, 'SERVER_PORT');
  const roles = { api: true, actions: settings.NANGO_ACTIONS_IN_API, syncs: false };
  const engine = await startEngine({ settings, parts, roles, log, closing });
  log('api.ready', { url: engine.apiUrl });
  return { until: engine.failed };
});
