import { createHmac } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { loadProviders } from '../../outbound/catalogue.ts';
import { checkSignature, readWebhook, type WebhookCall } from '../../outbound/provider-webhook.ts';

const catalogue = loadProviders();
const NOW = new Date('2026-01-01T00:00:00Z');
const T = NOW.getTime() / 1_000;
const SECRET = 'whsec-1';
const hmac = (text: string, encoding: 'hex' | 'base64' = 'hex') =>
  createHmac('sha256', SECRET).update(text).digest(encoding);

type Signed = { readonly body: string; readonly headers: (at: number, body: string) => Record<string, string> };
const FORMS: Readonly<Record<string, Signed>> = {
  slack: {
    body: '{"type":"event_callback","team_id":"T1","event_id":"Ev1","event":{"type":"message"}}',
    headers: (at, body) => ({
      'x-slack-request-timestamp': String(at),
      'x-slack-signature': `v0=${hmac(`v0:${at}:${body}`)}`,
    }),
  },
  github: {
    body: '{"installation":{"id":7}}',
    headers: (_at, body) => ({
      'x-hub-signature-256': `sha256=${hmac(body)}`,
      'x-github-delivery': 'd1',
      'x-github-event': 'issues',
    }),
  },
  stripe: {
    body: '{"id":"evt_1","type":"charge.succeeded","account":"acct_1"}',
    headers: (at, body) => ({ 'stripe-signature': `t=${at},v1=${'0'.repeat(64)},v1=${hmac(`${at}.${body}`)},v0=x` }),
  },
  shopify: {
    body: '{"id":1}',
    headers: (_at, body) => ({
      'x-shopify-hmac-sha256': hmac(body, 'base64'),
      'x-shopify-event-id': 'e1',
      'x-shopify-topic': 'orders/create',
      'x-shopify-shop-domain': 'acme.myshopify.com',
    }),
  },
};

function call(name: string, change: { at?: number; body?: string; without?: string } = {}): WebhookCall {
  const { body, headers } = FORMS[name] ?? { body: '', headers: () => ({}) };
  const sent: Record<string, string> = headers(change.at ?? T, body);
  if (change.without !== undefined) delete sent[change.without];
  return { headers: sent, body: Buffer.from(change.body ?? body) };
}
const check = (name: string, sent: WebhookCall, secret = SECRET) =>
  checkSignature(catalogue.get(name), sent, secret, NOW);
const refused = (reason: string) =>
  expect.objectContaining({ code: 'webhook_refused', message: expect.stringContaining(reason) });

test.each(Object.keys(FORMS))('a webhook that %s has signed is accepted, and no other', (name) => {
  expect(() => check(name, call(name))).not.toThrow();
  expect(() => check(name, call(name, { body: '{"forged":true}' }))).toThrow(refused('missing or wrong'));
  expect(() => check(name, call(name), 'another')).toThrow(refused('missing or wrong'));
  expect(() => check(name, { ...call(name), headers: {} })).toThrow(
    expect.objectContaining({ code: 'webhook_refused' }),
  );
});

test.each(['slack', 'stripe'])('a webhook of %s whose time is more than five minutes off is refused', (name) => {
  expect(() => check(name, call(name, { at: T - 300 }))).not.toThrow();
  expect(() => check(name, call(name, { at: T - 301 }))).toThrow(refused('time'));
  expect(() => check(name, call(name, { at: T + 301 }))).toThrow(refused('time'));
});

test.each([
  ['slack', 'Ev1', 'message', { place: 'connectionConfig', key: 'team.id', value: 'T1' }],
  ['github', 'd1', 'issues', { place: 'connectionConfig', key: 'installation_id', value: '7' }],
  ['stripe', 'evt_1', 'charge.succeeded', { place: 'connectionConfig', key: 'stripe_user_id', value: 'acct_1' }],
  ['shopify', 'e1', 'orders/create', { place: 'connectionConfig', key: 'subdomain', value: 'acme' }],
])('a webhook of %s says which event it is and whom it is about', (name, eventId, type, account) => {
  expect(readWebhook(catalogue.get(name), call(name))).toMatchObject({ eventId, type, accounts: [account] });
});

test('a GitHub app, which alone has installations, is told of them as GitHub tells', () => {
  expect(readWebhook(catalogue.get('github-app'), call('github'))).toMatchObject({
    eventId: 'd1',
    type: 'issues',
    accounts: [{ place: 'connectionConfig', key: 'installation_id', value: '7' }],
  });
});

test('a form is read as its fields, and one field of JSON as that JSON; broken JSON is refused', () => {
  const provider = catalogue.get('slack');
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const read = (body: string) => readWebhook(provider, { headers, body: Buffer.from(body) });
  expect(read('a=1&b=2').payload).toEqual({ a: '1', b: '2' });
  expect(read(`payload=${encodeURIComponent('{"team_id":"T1"}')}`).payload).toEqual({ team_id: 'T1' });
  expect(() => readWebhook(provider, { headers: {}, body: Buffer.from('{') })).toThrow(
    expect.objectContaining({ code: 'invalid_body' }),
  );
});

test('names in the prototype of the payload are no names', () => {
  const provider = catalogue.get('stripe');
  const event = readWebhook(provider, { headers: {}, body: Buffer.from('{"__proto__":{"id":"x"}}') });
  expect(event.eventId).toBeNull();
});
