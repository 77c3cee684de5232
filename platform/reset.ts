/** `npm run reset`: deletes the data folder of the embedded parts, after asking. */
import { readFile, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { EngineError } from '../contract/failures.ts';
import { readSettings } from '../runtime/env.ts';
import { isAlive } from './child-process.ts';
import { runProcess } from './main-process.ts';
import { stopLeftOvers } from './parts.ts';
import { postgresHome } from './postgres.ts';

const { values: flags } = parseArgs({ options: { yes: { type: 'boolean', short: 'y' } } });

await runProcess(async () => {
  const folder = resolve(readSettings().NANGO_DATA_DIR);
  if (!(await exists(folder))) {
    process.stdout.write(`There is nothing to delete: '${folder}' does not exist.\n`);
    return { until: Promise.resolve() };
  }
  const pid = Number(await readFile(join(folder, 'platform.pid'), 'utf8').catch(() => ''));
  if (pid > 1 && isAlive(pid)) {
    throw new EngineError('configuration_invalid', `'${folder}' is in use by process ${pid}: stop that one first`);
  }
  if (flags.yes !== true && !(await confirmed(folder))) {
    process.stdout.write('Nothing was deleted.\n');
    return { until: Promise.resolve() };
  }
  await stopLeftOvers(folder);
  await rm(await postgresHome(join(folder, 'postgres')), { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
  process.stdout.write(`Deleted '${folder}'.\n`);
  return { until: Promise.resolve() };
});

function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}

async function confirmed(folder: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new EngineError(
      'configuration_invalid',
      `Deleting '${folder}' needs a yes: run it in a terminal, or with -- --yes`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`Delete '${folder}' with all connections, records and keys in it? Type yes: `);
  terminal.close();
  return answer.trim().toLowerCase() === 'yes';
}
