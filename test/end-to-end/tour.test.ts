import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { call, createConnection, createIntegration, EXAMPLE_INTEGRATIONS } from '../../platform/example.ts';
import { useFolders } from '../support/cli.ts';
import { endedRun, type RunJson, usePlatform } from '../support/platform.ts';
import { masked, playTour } from '../support/tour.ts';

const platform = usePlatform();
const folders = useFolders();
const TOUR = new URL('../../docs/authoring.md', import.meta.url);
/** What the tour prints in reality, for whoever brings the document up to date. */
const PLAYED = new URL('../../dist/authoring.md', import.meta.url);

test("the author's tour shows what its commands really print", async () => {
  const { caller } = platform;
  for (const [integration, provider] of Object.entries(EXAMPLE_INTEGRATIONS)) {
    await createIntegration(caller, integration, provider);
    await createConnection(caller, integration, 'acme');
  }
  const cwd = await folders.create();
  const keys = `NANGO_SECRET_KEY_DEV=${caller.key}\nNANGO_HOSTPORT=${caller.apiUrl}\n`;
  await mkdir(join(cwd, '.local'));
  await writeFile(join(cwd, '.local', '.env'), keys);
  const tour = await readFile(TOUR, 'utf8');
  const played = await playTour(tour, { cwd, home: '/home/ada/acme', settle: firstRunsAfterDeploy });
  await mkdir(new URL('.', PLAYED), { recursive: true });
  await writeFile(PLAYED, played);
  expect(masked(played)).toBe(masked(tour));
}, 300_000);

async function firstRunsAfterDeploy(command: string): Promise<void> {
  if (!command.startsWith('nango deploy')) return;
  const { runs } = await call<{ runs: RunJson[] }>(platform.caller, 'GET', '/runs');
  for (const { id } of runs) await endedRun(platform, id);
}
