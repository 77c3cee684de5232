import { EngineError } from '../contract/failures.ts';
import type { Closing } from '../runtime/closing.ts';
import { type Database, isStoreLoss, openDatabase } from '../store/db.ts';
import { migrate } from '../store/migrate.ts';

/**
 * Opens the database and brings it to the newest schema.
 * @throws EngineError `configuration_invalid` naming the setting when the server cannot be reached or lets nobody in.
 */
export async function openMigrated(
  url: string,
  options: { readonly max: number; readonly onLost: (error: Error) => void; readonly closing: Closing },
): Promise<{ readonly db: Database; readonly applied: readonly string[] }> {
  const { max, onLost, closing } = options;
  const db = openDatabase(url, { max, onLost });
  closing.add('the database pool', () => db.end());
  try {
    return { db, applied: await migrate(db) };
  } catch (cause) {
    if (!isStoreLoss(cause) && !isRefusal(cause)) throw cause;
    throw new EngineError(
      'configuration_invalid',
      `Postgres at '${addressOf(url)}' cannot be used (${reasonOf(cause)}): check DATABASE_URL, or leave it out to start an embedded one`,
      { cause },
    );
  }
}

/** Wrong password, no such role, no such database, no right to make tables. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(28...|3D000|42501)$/.test(String(error.code));
}

function addressOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

// Attempts at several addresses of one name come as an error without a text of its own.
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}
