import { beforeAll, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { call, createIntegration } from '../../platform/example.ts';
import { accessibilityFaults, browserTest, settled, useBrowser } from '../support/browser.ts';
import { usePlatform } from '../support/platform.ts';

const platform = usePlatform();
const browser = useBrowser();

beforeAll(() => createIntegration(platform.caller, 'tracker', 'example-tracker'), 60_000);

async function signIn(page: Page, key = platform.caller.key): Promise<void> {
  await page.goto(platform.caller.apiUrl);
  await page.getByLabel('Secret key').fill(key);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Home of dev' }).waitFor();
}

browserTest('a new key is shown once as a line of .env, opens the environment, and is revoked', async () => {
  const page = await browser.open();
  await signIn(page);
  await page.goto(`${platform.caller.apiUrl}/env/dev/settings`);
  await page.getByLabel('Name of a new key').fill('nightly job');
  await page.getByRole('button', { name: 'New key' }).click();
  const line = (await page.getByText(/^NANGO_SECRET_KEY_DEV=/).textContent()) ?? '';
  const key = line.slice('NANGO_SECRET_KEY_DEV='.length);
  const row = page.getByRole('row').filter({ hasText: 'nightly job' });
  await row.getByText(`${key.slice(0, 8)}…`).waitFor();
  await row.getByText('everything').waitFor();
  expect(await accessibilityFaults(page)).toEqual([]);
  // Another person signs in with it.
  const other = await browser.open();
  await signIn(other, key);
  await page.reload();
  await settled(page);
  await row.waitFor();
  expect(await page.getByText(key).count()).toBe(0);
  await row.getByRole('button', { name: `Revoke ${key.slice(0, 8)}` }).click();
  await page.getByRole('button', { name: 'Revoke this key' }).click();
  await row.waitFor({ state: 'detached' });
  // Whose key is revoked is led back to the door.
  await other.goto(`${platform.caller.apiUrl}/env/dev/settings`);
  await other.getByLabel('Secret key').waitFor();
});

browserTest('environment variables are set, changed and removed, one leaving the others alone', async () => {
  const variables = () => call(platform.caller, 'GET', '/environment-variables');
  const page = await browser.open();
  await signIn(page);
  await page.goto(`${platform.caller.apiUrl}/env/dev/settings`);
  const set = async (name: string, value: string) => {
    await page.getByLabel('Name of the variable').fill(name);
    await page.getByRole('textbox', { name: 'Value of the variable' }).fill(value);
    await page.getByRole('button', { name: 'Set variable' }).click();
    await page.getByText(`${name} is set`).first().waitFor();
    await page.getByRole('row').filter({ hasText: name }).waitFor();
  };
  await set('REGION', 'eu');
  await set('TEAM', 'core');
  expect(await page.getByText('core').count()).toBe(0);
  await page.getByRole('button', { name: 'Change REGION' }).click();
  await page.getByRole('textbox', { name: 'Value of the variable' }).fill('us');
  await page.getByRole('button', { name: 'Set variable' }).click();
  await page.getByLabel('Name of the variable').and(page.locator('[value=""]')).waitFor();
  await page.getByRole('button', { name: 'Remove TEAM' }).click();
  await page.getByRole('row').filter({ hasText: 'TEAM' }).waitFor({ state: 'detached' });
  expect(await variables()).toEqual([{ name: 'REGION', value: 'us' }]);
  await page.getByLabel('Name of the variable').fill('1 bad');
  await page.getByRole('button', { name: 'Set variable' }).click();
  await page.getByText('This did not work').waitFor();
});

browserTest(
  'webhooks are pointed at an application, whose signing key is shown once; a wrong address is refused',
  async () => {
    const page = await browser.open();
    await signIn(page);
    await page.goto(`${platform.caller.apiUrl}/env/dev/settings`);
    const address = page.getByLabel('Address of your application');
    await address.fill('no address');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('expected an http or https URL').waitFor();
    await address.fill('https://product.example/hook');
    await page.getByLabel('New connections').uncheck();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('The webhook settings are saved').waitFor();
    await page.getByText('Shown once. Your application verifies').waitFor();
    const { data } = await call<{ data: object }>(platform.caller, 'GET', '/environment/webhooks');
    expect(data).toMatchObject({
      primary_url: 'https://product.example/hook',
      on_auth_creation: false,
      on_sync_error: true,
    });
    await page.getByRole('button', { name: 'New signing key' }).click();
    await page.getByText('There is a new signing key').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
  },
);

browserTest('the OAuth app of an integration is changed, and its secret stays when none is typed', async () => {
  await call(platform.caller, 'POST', '/integrations', {
    ...{ unique_key: 'code', provider: 'github' },
    credentials: { type: 'OAUTH2', client_id: 'first', client_secret: 'kept secret', scopes: 'read' },
  });
  const page = await browser.open();
  await signIn(page);
  await page.goto(`${platform.caller.apiUrl}/env/dev/integrations/code`);
  await page.getByText(/\/webhook\/[^/]+\/code$/).waitFor();
  await page.getByRole('button', { name: 'Change credentials' }).click();
  await page.getByLabel('Client id').fill('second');
  await page.getByLabel('Scopes, with commas').fill('read,write');
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.getByRole('button', { name: 'Save credentials' }).click();
  await page.getByText('The credentials are saved').waitFor();
  const { data } = await call<{ data: { credentials: object } }>(
    platform.caller,
    'GET',
    '/integrations/code?include=credentials',
  );
  expect(data.credentials).toMatchObject({ client_id: 'second', client_secret: 'kept secret', scopes: 'read,write' });
  // Whose connections bring a key of their own has no app.
  await page.goto(`${platform.caller.apiUrl}/env/dev/integrations/tracker`);
  await page.getByRole('button', { name: 'Change credentials' }).click();
  await page.getByText('each connection brings its own credentials').waitFor();
  expect(await page.getByLabel('Client id').count()).toBe(0);
});
