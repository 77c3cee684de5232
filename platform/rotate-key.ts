/**
 * `npm run rotate-key`: seals every stored secret with NANGO_ENCRYPTION_KEY. Before it, restart all processes with the
 * new key there and the old one in NANGO_ENCRYPTION_KEY_PREVIOUS; after it, the old one can go. Payloads of records are
 * sealed or opened as NANGO_ENCRYPT_RECORDS says, for which the key of today may be named as the previous one.
 */
import { EngineError } from '../contract/failures.ts';
import { readSettings } from '../runtime/env.ts';
import { rotateKey } from '../store/rotate-key.ts';
import { createSecretBox } from '../store/secret-box.ts';
import { openMigrated } from './database.ts';
import { runProcess } from './main-process.ts';

await runProcess(async (closing) => {
  const settings = readSettings();
  const { DATABASE_URL: url, NANGO_ENCRYPTION_KEY: key, NANGO_ENCRYPTION_KEY_PREVIOUS: previous } = settings;
  if (url === undefined || key === undefined || previous.length === 0) {
    throw new EngineError(
      'configuration_invalid',
      'DATABASE_URL, NANGO_ENCRYPTION_KEY (the new key) and NANGO_ENCRYPTION_KEY_PREVIOUS (the old one) must be set',
    );
  }
  const box = createSecretBox(key, previous);
  const { db } = await openMigrated(url, { max: 1, onLost: () => undefined, closing });
  const total = await rotateKey(db, box, {
    encryptsRecords: settings.NANGO_ENCRYPT_RECORDS,
    onBatch: (table, rows) => process.stdout.write(`${table}: ${rows}\n`),
  });
  process.stdout.write(
    `${total} secrets are now sealed with key '${box.keyId}'; the previous key is not needed any more.\n`,
  );
  return { until: Promise.resolve() };
});
