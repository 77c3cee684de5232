import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';

const api = useApi();
const found = async (search: string) =>
  (await api.call('GET', `/providers?search=${encodeURIComponent(search)}`)).body.data.map(
    ({ name }: { name: string }) => name,
  );

test('all providers are listed by name, those of the operator among ours', async () => {
  const { status, body } = await api.call('GET', '/providers');
  const names = body.data.map(({ name }: { name: string }) => name);
  expect(status).toBe(200);
  expect(names).toEqual([...names].sort());
  expect(names).toEqual(expect.arrayContaining(['github', 'hubspot', 'tracker']));
});

test.each([
  ['HubSpot', ['hubspot']],
  ['task tracker', ['signing-tracker', 'tracker']],
  ['salesf', ['salesforce', 'salesforce-sandbox']],
  ['nothing like it', []],
])('a search for %j looks at names and display names', async (search, names) => {
  expect(await found(search)).toEqual(names);
});

test('a search looks at categories', async () => {
  expect(await found('accounting')).toEqual(expect.arrayContaining(['quickbooks', 'xero', 'zoho-books']));
  expect(await found('accounting')).not.toContain('github');
});

test('one provider has everything its entry says, aliases resolved', async () => {
  const { body } = await api.call('GET', '/providers/google-calendar');
  expect(body.data).toMatchObject({
    name: 'google-calendar',
    auth_mode: 'OAUTH2',
    token_url: 'https://oauth2.googleapis.com/token',
    proxy: { base_url: 'https://www.googleapis.com', paginate: { type: 'cursor' } },
  });
  expect((await api.call('GET', '/providers/google-calendar/templates')).body).toEqual({ data: [] });
});

test.each(['/providers/hubspott', '/providers/hubspott/templates'])(
  '%s is not found, and says what is',
  async (path) => {
    const { status, body } = await api.call('GET', path);
    expect([status, body.error.code]).toEqual([404, 'not_found']);
    expect(body.error.message).toBe("Unknown provider 'hubspott': did you mean 'hubspot'?");
  },
);
