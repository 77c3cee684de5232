import { createRequire } from 'node:module';
import { beforeAll, expect } from '@jest/globals';
import { build } from 'esbuild';
import type { FrameLocator, Page } from 'playwright-core';
import { DASHBOARD_FOLDER } from '../../platform/dashboard-build.ts';
import { useApi } from '../support/api.ts';
import { createOauthIntegration, useAuthorizationServer } from '../support/authorization-server.ts';
import { accessibilityFaults, browserTest, faultsInEachLook, useBrowser } from '../support/browser.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi({}, { dashboard: { folder: DASHBOARD_FOLDER, operator: undefined, isOpen: () => true } });
const server = useAuthorizationServer();
const browser = useBrowser();

/** A product's page with the published package in it, on an origin of its own. */
const product = useUpstream(({ url }) => {
  if (url === '/frontend.js') return { headers: { 'content-type': 'text/javascript' }, body: frontend };
  return {
    headers: { 'content-type': 'text/html' },
    body: '<!doctype html><title>Product</title><script src="/frontend.js"></script>',
  };
});
let frontend = '';

beforeAll(async () => {
  const from = createRequire(import.meta.url).resolve('@nangohq/frontend');
  const contents = `import Nango from ${JSON.stringify(from)}; globalThis.Nango = Nango; globalThis.told = [];`;
  const built = await build({ stdin: { contents, resolveDir: '.' }, bundle: true, write: false, format: 'iife' });
  frontend = built.outputFiles[0]?.text ?? '';
  await createOauthIntegration(api, 'crm');
  await api.call('POST', '/integrations', {
    body: { unique_key: 'tracker', provider: 'tracker', display_name: 'Task Tracker' },
  });
  await api.call('POST', '/integrations', { body: { unique_key: 'basic', provider: 'basic-tracker' } });
  await api.call('POST', '/integrations', { body: { unique_key: 'signed', provider: 'jwt-tracker' } });
}, 120_000);

async function openSession(allowed: readonly string[], body: object = {}) {
  const wishes = { end_user: { id: 'u1' }, allowed_integrations: allowed, ...body };
  const answer = await api.call('POST', '/connect/sessions', { body: wishes });
  expect(answer.status).toBe(201);
  return answer.body.data as { token: string; connect_link: string };
}

const connections = async (key: string) =>
  (await api.call('GET', `/connections?integrationId=${key}`)).body.connections;

async function connectByPopup(page: Page, address: string): Promise<Page> {
  await page.getByLabel('Address of the server').fill(address);
  const popup = page.waitForEvent('popup');
  await page.getByRole('button', { name: 'Connect' }).click();
  return popup;
}

browserTest('a person follows the link, chooses, signs in at the provider in a window, and is connected', async () => {
  const { connect_link: link } = await openSession(['crm', 'tracker']);
  const page = await browser.open({ viewport: { width: 360, height: 700 } });
  await page.goto(link);
  await page.getByRole('heading', { name: 'What do you want to connect?' }).waitFor();
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Authorization Server' }).click();
  expect(await accessibilityFaults(page)).toEqual([]);
  await connectByPopup(page, server.url);
  await page.getByRole('heading', { name: 'Connected' }).waitFor();
  expect(await connections('crm')).toMatchObject([{ end_user: { id: 'u1' }, errors: [] }]);
});

browserTest('what the person typed wrong stands at its field, in the words of the server', async () => {
  const { connect_link: link } = await openSession(['crm']);
  const page = await browser.open();
  await page.goto(link);
  await connectByPopup(page, 'no address');
  await page
    .getByRole('alert')
    .getByText(/Address of the server|server/)
    .first()
    .waitFor();
});

browserTest('a provider that refuses is quoted, and nothing is connected', async () => {
  const before = (await connections('crm')).length;
  const { connect_link: link } = await openSession(['crm'], {
    integrations_config_defaults: { crm: { authorization_params: { login_hint: 'refuse' } } },
  });
  const page = await browser.open();
  await page.goto(link);
  await connectByPopup(page, server.url);
  await page.getByRole('alert').getByText('The owner said <no>').waitFor();
  expect(await connections('crm')).toHaveLength(before);
});

browserTest('an API key goes straight to the server, and a session that has ended says so', async () => {
  const { connect_link: link, token } = await openSession(['tracker']);
  const page = await browser.open({ colorScheme: 'dark' });
  await page.goto(link);
  await page.getByLabel(/^API key/).fill('key-1');
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByRole('heading', { name: 'Connected' }).waitFor();
  expect(await connections('tracker')).toHaveLength(1);
  await api.call('DELETE', '/connect/session', { key: token });
  await page.goto(link);
  await page.getByRole('alert').getByText('The connect session is unknown or has ended').waitFor();
});

/** The application's page with the connect page in its frame, by the unmodified frontend package; `told` has its events. */
async function openConnectUi(token: string): Promise<{ readonly page: Page; readonly frame: FrameLocator }> {
  const page = await browser.open();
  await page.goto(product.url);
  await page.evaluate(
    `void new Nango().openConnectUI({ baseURL: '${api.url}/connect', apiURL: '${api.url}', sessionToken: '${token}',
      onEvent: (event) => told.push(event) })`,
  );
  return { page, frame: page.frameLocator('#connect-ui') };
}

browserTest(
  'the unmodified frontend package opens the page in its frame and hears ready, connect and close',
  async () => {
    const { token } = await openSession(['tracker']);
    const { page, frame } = await openConnectUi(token);
    await frame.getByLabel(/^API key/).fill('key-2');
    await frame.getByRole('button', { name: 'Connect' }).click();
    await frame.getByRole('button', { name: 'Finish' }).click();
    await page.locator('#connect-ui').waitFor({ state: 'detached' });
    expect(await page.evaluate('told')).toEqual([
      { type: 'ready' },
      { type: 'connect', payload: { providerConfigKey: 'tracker', connectionId: expect.any(String) } },
      { type: 'close' },
    ]);
  },
);

browserTest("the frontend package's auth() takes an API key from a product's own page", async () => {
  const { token } = await openSession(['tracker']);
  const page = await browser.open();
  await page.goto(product.url);
  const made = await page.evaluate(
    `new Nango({ host: '${api.url}', connectSessionToken: '${token}' })
      .auth('tracker', { credentials: { apiKey: 'key-3' } })`,
  );
  expect(made).toMatchObject({ providerConfigKey: 'tracker', connectionId: expect.any(String) });
});

browserTest('a form asks for what the provider names, and what is wrong stands at its field', async () => {
  const { connect_link: link } = await openSession(['signed']);
  const page = await browser.open();
  await page.goto(link);
  // A field that must be filled keeps the form here.
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByLabel(/^Key id/).fill('abc');
  // Said here already, before anything is sent.
  await page.getByText('Expected something like ABC123').waitFor();
  await page.getByLabel(/^Key id/).fill('ABC123');
  await page.getByText('Expected something like ABC123').waitFor({ state: 'detached' });
  await page.getByLabel(/^Issuer/).fill('not a uuid');
  await page.getByRole('textbox', { name: /^Private key/ }).fill('-----');
  await page.getByRole('button', { name: 'Connect' }).click();
  const issuer = page.getByLabel(/^Issuer/);
  await issuer.and(page.locator('[aria-invalid=true][aria-describedby]')).waitFor();
  expect(await accessibilityFaults(page)).toEqual([]);
  expect(await connections('signed')).toEqual([]);
});

browserTest('a user name and a password make a connection', async () => {
  const { connect_link: link } = await openSession(['basic']);
  const page = await browser.open();
  await page.goto(link);
  await page.getByLabel(/^User name/).fill('ada');
  await page.getByRole('textbox', { name: /^Password/ }).fill('lovelace');
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByRole('heading', { name: 'Connected' }).waitFor();
  const [made] = await connections('basic');
  const { body } = await api.call('GET', `/connections/${made.connection_id}?provider_config_key=basic`);
  expect(body.credentials).toMatchObject({ type: 'BASIC', username: 'ada', password: 'lovelace' });
});

browserTest("the page around the frame hears of a sign-in that failed, in the provider's own words", async () => {
  const { token } = await openSession(['crm'], {
    integrations_config_defaults: { crm: { authorization_params: { login_hint: 'refuse' } } },
  });
  const { page, frame } = await openConnectUi(token);
  await frame.getByLabel('Address of the server').fill(server.url);
  await frame.getByRole('button', { name: 'Connect' }).click();
  await frame.getByRole('alert').getByText('The owner said <no>').waitFor();
  expect(await page.evaluate('told')).toEqual([
    { type: 'ready' },
    {
      type: 'error',
      payload: { errorType: 'authorization_denied', errorMessage: expect.stringContaining('The owner said <no>') },
    },
  ]);
});

browserTest("the frontend package's auth() signs a person in through a window of the browser", async () => {
  const { token } = await openSession(['crm']);
  const page = await browser.open();
  await page.goto(product.url);
  const popup = page.waitForEvent('popup');
  const made = page.evaluate(
    `new Nango({ host: '${api.url}', connectSessionToken: '${token}' }).auth('crm', { params: { server: '${server.url}' } })`,
  );
  await popup;
  expect(await made).toMatchObject({ providerConfigKey: 'crm', connectionId: expect.any(String), isPending: false });
});

browserTest('the connect page is whole and open to everybody, at three widths, in light and dark', async () => {
  const { connect_link: link } = await openSession(['crm', 'tracker', 'signed'], {
    integrations_config_defaults: { crm: { authorization_params: { login_hint: 'refuse' } } },
  });
  const page = await browser.open();
  await page.goto(link);
  await page.getByRole('heading', { name: 'What do you want to connect?' }).waitFor();
  const faults = [...(await faultsInEachLook(page, 'connect choice'))];
  await page.getByRole('button', { name: 'jwt-tracker' }).click();
  await page.getByLabel(/^Key id/).waitFor();
  faults.push(...(await faultsInEachLook(page, 'connect form')));
  await page.goto(link);
  await page.getByRole('button', { name: 'Authorization Server' }).click();
  await connectByPopup(page, server.url);
  await page.getByRole('alert').getByText('The owner said <no>').waitFor();
  faults.push(...(await faultsInEachLook(page, 'connect refused')));
  await page.goto(link);
  await page.getByRole('button', { name: 'Task Tracker' }).click();
  await page.getByLabel(/^API key/).fill('key-4');
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByRole('heading', { name: 'Connected' }).waitFor();
  faults.push(...(await faultsInEachLook(page, 'connect done')));
  await page.goto(`${api.url}/connect`);
  await page.getByText('This page needs a link').waitFor();
  faults.push(...(await faultsInEachLook(page, 'connect without a session')));
  expect(faults).toEqual([]);
});
