/** `npm run new-epoch`: after the disk of Postgres was put back to an earlier snapshot, before anything else is started. */
import { EngineError } from '../contract/failures.ts';
import { readSettings } from '../runtime/env.ts';
import { beginEpoch } from '../store/identity.ts';
import { openMigrated } from './database.ts';
import { runProcess } from './main-process.ts';

await runProcess(async (closing) => {
  const { DATABASE_URL: url } = readSettings();
  if (url === undefined) throw new EngineError('configuration_invalid', 'DATABASE_URL must be set');
  const { db } = await openMigrated(url, { max: 1, onLost: () => undefined, closing });
  await beginEpoch(db);
  process.stdout.write('Numbers of records go on above all that were ever given out.\n');
  return { until: Promise.resolve() };
});
