import { expect, test } from '@jest/globals';
import type { RequestConfig } from '../../contract/host.ts';
import { loadProviders } from '../../outbound/catalogue.ts';
import { idempotencyHeader, isRepeatable } from '../../outbound/repeatable.ts';

const catalogue = loadProviders();
const post = (endpoint: string, data?: unknown): RequestConfig => ({ method: 'POST', endpoint, data });

test.each([
  ['hubspot', '/crm/v3/objects/contacts/search', true],
  ['hubspot', 'crm/v3/objects/contacts/batch/read', true],
  ['hubspot', '/crm/v3/objects/contacts/batch/create', false],
  ['hubspot', '/crm/v3/objects/contacts', false],
  ['notion', '/v1/databases/d9824bdc/query', true],
  ['notion', '/v1/search?x=1', true],
  ['notion', '/v1/pages', false],
  ['intercom', '/contacts/search', true],
  ['intercom', '/contacts', false],
  ['attio', '/v2/objects/people/records/query', true],
  ['attio', '/v2/objects/people/records', false],
  ['plaid', '/transactions/sync', true],
  ['plaid', '/transfer/create', false],
  ['plaid', '/item/remove', false],
  ['slack', 'conversations.list', true],
  ['slack', '/chat.postMessage', false],
  ['slack', '/conversations.invite', false],
  ['square', '/v2/orders/search', true],
  ['square', '/v2/orders', false],
  ['gong', '/v2/calls/extensive', true],
  ['apollo', '/v1/mixed_people/search', true],
  ['apollo', '/v1/contacts', false],
  ['netsuite', '/services/rest/query/v1/suiteql?limit=5', true],
  ['jira', '/ex/jira/1/rest/api/3/search/jql', true],
  ['jira', '/ex/jira/1/rest/api/3/issue', false],
])('whether a POST of %s to %s only reads: %s', (provider, endpoint, reads) => {
  expect(isRepeatable(post(endpoint), catalogue.get(provider))).toBe(reads);
});

test('other methods than POST to such a path still change something', () => {
  const hibob = catalogue.get('hibob-service-user');
  expect(isRepeatable({ method: 'POST', endpoint: '/v1/people/7' }, hibob)).toBe(true);
  expect(isRepeatable({ method: 'PUT', endpoint: '/v1/people/7' }, hibob)).toBe(false);
});

test.each([
  ['stripe', '/v1/charges', 'idempotency-key'],
  ['paypal', '/v2/checkout/orders', 'paypal-request-id'],
  ['paypal', '/v2/checkout/orders/5O1/capture', 'paypal-request-id'],
  ['paypal', '/v1/catalogs/products', undefined],
  ['resend', '/emails', 'idempotency-key'],
  ['resend', '/contacts', undefined],
  ['github', '/repos/a/b/issues', undefined],
])('a POST of %s to %s takes its key in %s', (provider, endpoint, header) => {
  expect(idempotencyHeader(post(endpoint), catalogue.get(provider))).toBe(header);
});
