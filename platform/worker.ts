/** `npm run worker`: one worker process; any number of them share DATABASE_URL and TEMPORAL_ADDRESS. */
import { readSettings } from '../runtime/env.ts';
import { createLog } from '../runtime/log.ts';
import { startEngine } from './compose.ts';
import { runProcess } from './main-process.ts';
import { sharedParts } from './shared-parts.ts';

await runProcess(async (closing) => {
  const settings = readSettings();
  const log = createLog(
    (line) => process.stdout.write(line),
    () => new Date(),
  );
  const parts = sharedParts(settings);
  const wanted = settings.NANGO_WORKER_ROLES;
  const runs = (role: string): boolean => wanted.length === 0 || wanted.includes(role);
  const engine = await startEngine({
    settings,
    parts,
    roles: { api: false, actions: runs('actions'), syncs: runs('syncs') },
    log,
    closing,
  });
  log('worker.ready', {});
  return { until: engine.failed };
});
