import { beforeAll, expect } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { freePort } from '../../platform/ports.ts';
import { browserTest, useBrowser } from '../support/browser.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, usePlatform } from '../support/platform.ts';

// The page finds the server again where it was.
const platform = usePlatform({ SERVER_PORT: String(await freePort()) });
const browser = useBrowser();
const at = { integration: 'tracker', connection: 'acme', name: 'rows' } as const;

beforeAll(async () => {
  await createIntegration(platform.caller, at.integration, 'example-tracker');
  await createConnection(platform.caller, at.integration, at.connection);
  const source = `export default async function fetchData(nango: any) { await nango.log('hello'); }`;
  await deployScripts(platform.caller, at.integration, [{ name: at.name, source }]);
  await runSync(platform, at);
}, 240_000);

browserTest(
  'a server that restarts under the page: it says so, keeps what it shows, and goes on by itself',
  async () => {
    const page = await browser.open();
    await page.goto(`${platform.caller.apiUrl}/env/dev/runs`);
    await page.getByLabel('Secret key').fill(platform.caller.key);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    const rows = page.locator('tbody tr[data-index]');
    await page.getByRole('status').getByText('Live').waitFor();
    await rows.first().waitFor();
    const before = await rows.count();
    await platform.stop();
    await page.getByRole('status').getByText('Connecting').waitFor();
    expect(await rows.count()).toBe(before);
    // What somebody does meanwhile fails visibly.
    await page.getByRole('link', { name: 'rows' }).first().click();
    await page.getByRole('alert').getByText('The server does not answer').waitFor();
    await page.goBack();
    await platform.start();
    await page.getByRole('status').getByText('Live').waitFor();
    await runSync(platform, at);
    await rows.nth(before).waitFor();
    expect(await call(platform.caller, 'GET', '/dashboard/overview')).toMatchObject({ totals: { connections: 1 } });
  },
);
