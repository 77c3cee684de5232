import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createApiKey, ensureEnvironment } from '../store/environments.ts';
import type { Database } from '../store/db.ts';

export type Keys = Readonly<Record<string, string>>;

const ENVIRONMENTS = ['dev', 'prod'];

/**
 * Creates the environments that are missing, each with a secret key, and writes the lines to paste to `<folder>/.env`
 * (mode 0600; null for none). Answers only the keys made now: of older ones nothing but hashes is left.
 */
export async function ensureEnvironments(
  db: Database,
  options: { readonly folder: string | null; readonly apiUrl: string | undefined; readonly at: Date },
): Promise<Keys> {
  const keys: Record<string, string> = {};
  for (const name of ENVIRONMENTS) {
    const environment = await ensureEnvironment(db, name, options.at);
    if (environment.created) keys[name] = await createApiKey(db, environment.id, options.at);
  }
  if (options.folder !== null && Object.keys(keys).length > 0) {
    await writeEnvFile(options.folder, keyLines(keys, options.apiUrl));
  }
  return keys;
}

/** The lines for an integrations folder's `.env`. */
export function keyLines(keys: Keys, apiUrl: string | undefined): string[] {
  const lines = Object.entries(keys).map(([name, key]) => `NANGO_SECRET_KEY_${name.toUpperCase()}=${key}`);
  return apiUrl === undefined ? lines : [`NANGO_HOSTPORT=${apiUrl}`, ...lines];
}

async function writeEnvFile(folder: string, lines: readonly string[]): Promise<void> {
  const file = join(resolve(folder), '.env');
  const known = await readFile(file, 'utf8').catch(() => '');
  const names = new Set(lines.map((line) => line.split('=')[0]));
  const kept = known.split('\n').filter((line) => line !== '' && !names.has(line.split('=')[0]));
  await writeFile(file, [...kept, ...lines, ''].join('\n'), { mode: 0o600 });
}
