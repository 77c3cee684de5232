/** `npm run migrate`: brings DATABASE_URL to the newest schema, makes the environments, and prints keys made now. */
import { readSettings } from '../runtime/env.ts';
import { openMigrated } from './database.ts';
import { ensureEnvironments, keyLines } from './first-start.ts';
import { runProcess } from './main-process.ts';
import { sharedParts } from './shared-parts.ts';

await runProcess(async (closing) => {
  const settings = readSettings();
  const { databaseUrl } = sharedParts(settings);
  const { db, applied } = await openMigrated(databaseUrl, { max: 1, onLost: () => undefined, closing });
  process.stdout.write(applied.length === 0 ? 'The schema is up to date.\n' : `Applied: ${applied.join(', ')}\n`);
  const keys = await ensureEnvironments(db, { folder: null, apiUrl: undefined, at: new Date() });
  for (const line of keyLines(keys, undefined)) process.stdout.write(`${line}\n`);
  return { until: Promise.resolve() };
});
