import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from '@jest/globals';
import { CLIENT } from '../../bench/upstream/authorization-server.ts';
import { call } from '../../platform/example.ts';
import { useAuthorizationServer } from '../support/authorization-server.ts';
import { browserTest, useBrowser } from '../support/browser.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

/** Longer than a script waits in place, so that its run is suspended. */
const WAIT_S = 12;

const folder = mkdtempSync(join(tmpdir(), 'nango-test-story-'));
const providers = join(folder, 'providers.yaml');
writeFileSync(
  providers,
  JSON.stringify({
    crm: {
      display_name: 'The CRM',
      auth_mode: 'OAUTH2',
      authorization_url: `\${connectionConfig.server}/authorize`,
      token_url: `\${connectionConfig.server}/token`,
      connection_config: { server: { type: 'string', title: 'Address of the server', format: 'uri' } },
      proxy: { base_url: `\${connectionConfig.server}` },
    },
  }),
);
const platform = usePlatform({ NANGO_PROVIDERS_FILE: providers });
const server = useAuthorizationServer();
const upstream = useUpstream();
const browser = useBrowser();
afterAll(() => rmSync(folder, { recursive: true }));

browserTest(
  'a customer connects, a sync is deployed, and its run is watched through a wait to its records',
  async () => {
    const { caller } = platform;
    const credentials = { type: 'OAUTH2', client_id: CLIENT.id, client_secret: CLIENT.secret, scopes: 'read,write' };
    await call(caller, 'POST', '/integrations', { unique_key: 'crm', provider: 'crm', credentials });
    const session = await call<{ data: { connect_link: string } }>(caller, 'POST', '/connect/sessions', {
      end_user: { id: 'ada', display_name: 'Ada of Acme' },
    });
    const customer = await browser.open();
    await customer.goto(session.data.connect_link);
    await customer.getByLabel('Address of the server').fill(server.url);
    await customer.getByRole('button', { name: 'Connect' }).click();
    await customer.getByRole('heading', { name: 'Connected' }).waitFor();

    const begun = Promise.withResolvers<void>();
    const isWatched = Promise.withResolvers<void>();
    let refusals = 0;
    upstream.handleWith(async ({ url }) => {
      if (url === '/rows') {
        begun.resolve();
        await isWatched.promise;
        return { json: { rows: [{ id: 'lead-1', name: 'First' }] } };
      }
      refusals += 1;
      return refusals === 1 ? { status: 429, headers: { 'retry-after': String(WAIT_S) } } : { json: {} };
    });
    const source = `
export default async function fetchData(nango: any) {
  const ask = (endpoint: string) => nango.get({ endpoint, baseUrlOverride: '${upstream.url}', retries: 3 });
  await nango.batchSave((await ask('/rows')).data.rows, 'Lead');
  await ask('/limited');
}`;
    await deployScripts(caller, 'crm', [{ name: 'leads', source, models: ['Lead'] }]);

    const page = await browser.open();
    await page.goto(`${caller.apiUrl}/env/dev/connections`);
    await page.getByLabel('Secret key').fill(caller.key);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    const row = page.getByRole('row').filter({ hasText: 'Ada of Acme' });
    await row.getByRole('link').first().click();
    await page.getByRole('button', { name: 'Trigger leads' }).click();
    await page.getByText('leads was started').waitFor();
    await begun.promise;
    // From here on nobody touches the page but to look elsewhere: it follows by itself.
    const sync = page.getByRole('row').filter({ hasText: 'every 1h' });
    await sync.getByText('running').waitFor();
    await sync.getByRole('link').first().click();
    await page.getByRole('heading', { name: 'leads' }).waitFor();
    isWatched.resolve();
    await page.getByText(/^Waits: GET \/limited was answered with 429/).waitFor();
    await page.getByText(/ left, nothing is held meanwhile$/).waitFor();
    await page.getByText('Ended: success').waitFor();
    await page.getByText('Lead: 1 added, 0 updated, 0 deleted').waitFor();
    await page.goBack();
    await sync.getByText('1 Lead').waitFor();
    await page.getByRole('tab', { name: 'Records' }).click();
    await page.getByRole('button', { name: 'lead-1' }).click();
    await page.getByRole('dialog').getByText('"First"').waitFor();
    expect(refusals).toBe(2);
  },
);
