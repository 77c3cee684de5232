import { beforeAll, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { accessibilityFaults, browserTest, keepScreen, useBrowser } from '../support/browser.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, type RunJson, runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { killRunners } from '../support/runners.ts';
import { useUpstream } from '../support/upstream.ts';

const platform = usePlatform({ DASHBOARD_USERNAME: 'ada', DASHBOARD_PASSWORD: 'lovelace' });
const browser = useBrowser();
const upstream = useUpstream(() => ({ json: { rows: [{ id: 'a' }, { id: 'b' }] } }));
const at = { integration: 'tracker', connection: 'acme' } as const;

beforeAll(async () => {
  const { caller } = platform;
  await createIntegration(caller, at.integration, 'example-tracker');
  await createConnection(caller, at.integration, at.connection);
  await createConnection(caller, at.integration, 'leaving');
  const source = `
export default async function fetchData(nango: any) {
  const { data } = await nango.get({ endpoint: '/rows', baseUrlOverride: '${upstream.url}' });
  await nango.batchSave(data.rows, 'Task');
  await nango.log(nango.lastSyncDate ? 'since a run' : 'from the start');
  await nango.get({ endpoint: '/last', baseUrlOverride: '${upstream.url}' });
}`;
  await deployScripts(caller, at.integration, [{ name: 'rows', source }]);
  await runSync(platform, { ...at, name: 'rows' });
}, 240_000);

async function signedIn(path: string): Promise<Page> {
  const page = await browser.open();
  await page.goto(platform.caller.apiUrl + path);
  await page.getByLabel('Secret key').fill(platform.caller.key);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  return page;
}

const connectionPath = (id: string) => `/env/dev/connections/${at.integration}/${id}`;
const rowOf = (page: Page, text: string) => page.getByRole('row').filter({ hasText: text });

browserTest('an integration is created from the catalogue, found by searching', async () => {
  const page = await signedIn('/env/dev/integrations');
  await page.getByRole('button', { name: 'New integration' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Which API?').fill('no such thing');
  await dialog.getByText('0 found.').waitFor();
  await dialog.getByLabel('Which API?').fill('githu');
  expect(await accessibilityFaults(page)).toEqual([]);
  await dialog
    .getByRole('button', { name: /^GitHub\b.*OAUTH2$/ })
    .first()
    .click();
  await dialog.getByLabel('Id of the integration').fill('code');
  await dialog.getByLabel('Client id').fill('our client');
  await dialog.getByLabel('Client secret').fill('our secret');
  await dialog.getByLabel('Scopes').fill('repo');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('heading', { name: 'code' }).waitFor();
  await page.getByText('/oauth/callback').waitFor();
  const { data } = await call<{ data: object }>(platform.caller, 'GET', '/integrations/code?include=credentials');
  expect(data).toMatchObject({
    provider: 'github',
    credentials: { client_id: 'our client', client_secret: 'our secret', scopes: 'repo' },
  });
  // The same id a second time fails where it is seen.
  await page.getByRole('link', { name: 'Integrations', exact: true }).click();
  await page.getByRole('button', { name: 'New integration' }).click();
  await dialog.getByLabel('Which API?').fill('githu');
  await dialog
    .getByRole('button', { name: /^GitHub\b.*OAUTH2$/ })
    .first()
    .click();
  await dialog.getByLabel('Id of the integration').fill('code');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await page.getByText('This did not work').waitFor();
});

browserTest('the metadata of a connection is edited; what is no JSON object cannot be saved', async () => {
  const page = await signedIn(connectionPath(at.connection));
  await page.getByRole('tab', { name: 'Details' }).click();
  const save = page.getByRole('button', { name: 'Save metadata' });
  await page.getByLabel('Metadata').fill('[1, 2');
  await page.getByText('Expected a JSON object').waitFor();
  expect(await save.isDisabled()).toBe(true);
  await page.getByLabel('Metadata').fill('{"region": "eu"}');
  expect(await accessibilityFaults(page)).toEqual([]);
  await save.click();
  await page.getByText('The metadata is saved').waitFor();
  const path = `/connections/${at.connection}?provider_config_key=${at.integration}`;
  expect(await call(platform.caller, 'GET', path)).toMatchObject({ metadata: { region: 'eu' } });
  // Credentials are told of, not shown.
  await rowOf(page, 'Credentials: apiKey').getByText('••••••••').waitFor();
});

browserTest('a sync is reset once that is confirmed, with the records it saved if that is wanted', async () => {
  const page = await signedIn(connectionPath(at.connection));
  const row = rowOf(page, 'every 1h').filter({ hasText: 'rows' });
  await row.getByText('2 Task').waitFor();
  await row.getByRole('button', { name: 'Reset rows' }).click();
  await page.getByRole('button', { name: 'Keep it as it is' }).click();
  upstream.handleWith(() => ({ json: { rows: [{ id: 'c' }] } }));
  await row.getByRole('button', { name: 'Reset rows' }).click();
  await page.getByLabel('Delete the records it saved as well').check();
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Reset', exact: true }).click();
  await page.getByText('rows begins from the start').waitFor();
  await row.getByText('1 Task').waitFor();
  const { runs } = await call<{ runs: RunJson[] }>(platform.caller, 'GET', '/runs?connection_id=acme&limit=1');
  expect((await endedRun(platform, runs[0]?.id ?? '')).logs).toMatchObject([{ message: 'from the start' }]);
});

browserTest('a connection is deleted once its id is typed', async () => {
  const page = await signedIn(connectionPath('leaving'));
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = page.getByRole('dialog');
  const confirm = dialog.getByRole('button', { name: 'Delete' });
  await dialog.getByLabel('Type its id to confirm').fill('leavin');
  expect(await confirm.isDisabled()).toBe(true);
  await dialog.getByLabel('Type its id to confirm').fill('leaving');
  expect(await accessibilityFaults(page)).toEqual([]);
  await confirm.click();
  await page.getByRole('heading', { name: 'Connections' }).waitFor();
  await rowOf(page, 'acme').waitFor();
  expect(await rowOf(page, 'leaving').count()).toBe(0);
  const { connections } = await call<{ connections: object[] }>(platform.caller, 'GET', '/connections');
  expect(connections).toMatchObject([{ connection_id: at.connection }]);
});

browserTest('the operator switches between environments, and sees what is of each alone', async () => {
  const page = await browser.open();
  await page.goto(`${platform.caller.apiUrl}/sign-in`);
  await page.getByLabel('User name').fill('ada');
  await page.getByLabel('Password', { exact: true }).fill('wrong');
  await page.getByRole('button', { name: 'Sign in as operator' }).click();
  await page.getByRole('alert').getByText('Name and password are not those of').waitFor();
  await page.getByLabel('Password', { exact: true }).fill('lovelace');
  await page.getByRole('button', { name: 'Sign in as operator' }).click();
  await page.getByRole('heading', { name: 'Home of dev' }).waitFor();
  await page.getByLabel('Environment').selectOption('prod');
  await page.getByRole('heading', { name: 'Home of prod' }).waitFor();
  await page.getByText('Create your first integration').waitFor();
  await page.getByRole('link', { name: 'Connections', exact: true }).click();
  await page.getByText('No connections yet').waitFor();
  await page.getByLabel('Environment').selectOption('dev');
  await page.getByRole('link', { name: 'Connections', exact: true }).click();
  await rowOf(page, 'acme').waitFor();
});

/** A run under way, whose last call gets no answer before `release`. */
async function runHeldAtItsLastCall(): Promise<{ readonly run: string; readonly release: () => void }> {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  upstream.handleWith(async ({ url }) => {
    if (url !== '/last') return { json: { rows: [{ id: 'c' }] } };
    asked.resolve();
    await released.promise;
    return { json: {} };
  });
  const run = await triggerSync(platform, { ...at, name: 'rows' });
  await asked.promise;
  return { run, release: released.resolve };
}

browserTest('a run whose process died says in its timeline when, and that it went on from its journal', async () => {
  const { run, release } = await runHeldAtItsLastCall();
  await killRunners();
  release();
  await endedRun(platform, run);
  const page = await signedIn(`/env/dev/runs/${run}`);
  const timeline = page.getByRole('list').filter({ hasText: 'The script starts' });
  await timeline.getByText("Replayed: the script's process died").waitFor();
  await timeline.getByText('Ended: success').waitFor();
  await keepScreen(page, 'run replayed');
});

browserTest('a run under way is cancelled from its screen', async () => {
  const { run, release } = await runHeldAtItsLastCall();
  const page = await signedIn(`/env/dev/runs/${run}`);
  await page.getByRole('button', { name: 'Cancel the run' }).click();
  await page.getByText('The run is cancelled').first().waitFor();
  await page.getByText('Ended: cancelled').waitFor();
  await page.getByRole('button', { name: 'Cancel the run' }).waitFor({ state: 'detached' });
  release();
});

browserTest("a sync's run is cancelled by the switch beside it, which is there while it runs", async () => {
  const { run, release } = await runHeldAtItsLastCall();
  const page = await signedIn(connectionPath(at.connection));
  const row = rowOf(page, 'every 1h').filter({ hasText: 'rows' });
  await row.getByRole('button', { name: 'Cancel rows' }).click();
  await page.getByText('The run of rows is cancelled').waitFor();
  await row.getByRole('button', { name: 'Cancel rows' }).waitFor({ state: 'detached' });
  expect(await endedRun(platform, run)).toMatchObject({ state: 'cancelled' });
  release();
});

browserTest('who signs out is at the door, and no page opens any more', async () => {
  const page = await signedIn('/env/dev/runs');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Secret key').waitFor();
  await page.goto(`${platform.caller.apiUrl}/env/dev/runs`);
  await page.getByLabel('Secret key').waitFor();
  expect((await page.context().cookies()).map(({ name }) => name)).toEqual([]);
});

browserTest('the home screen counts runs and records by the hour', async () => {
  const page = await signedIn('/env/dev');
  await page.getByRole('img', { name: /^Runs by hour: \d+ success/ }).waitFor();
  await page.getByRole('img', { name: /^Records written by hour: [1-9]\d* records? in all/ }).waitFor();
  await page.getByText('oldest run without a worker').waitFor();
});
