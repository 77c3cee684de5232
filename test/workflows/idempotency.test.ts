import { expect, test } from '@jest/globals';
import { type SimulatedSync, useSimulatedSync } from '../support/simulated-sync.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const sync: SimulatedSync = useSimulatedSync({
  proxy: () => ({ base_url: upstream.url, idempotency_header: 'idempotency-key', idempotency_paths: ['^/payments$'] }),
  source: () => `
export default async function fetchData(nango: any) {
  await nango.post({ endpoint: '/payments', data: { amount: 1 }, retries: 1 });
  await nango.post({ endpoint: '/payments', data: { amount: 1 } });
  await nango.post({ endpoint: '/payments', headers: { 'Idempotency-Key': 'of-the-author' } });
  await nango.post({ endpoint: '/notes' });
  await nango.get({ endpoint: '/payments' });
}`,
});

test('a call that changes something carries a key of its own where the provider heeds one', async () => {
  upstream.answerWith({ status: 503, headers: { 'retry-after': '0' } });
  await sync.run();
  const keys = upstream.requests.map(({ method, url, headers }) => [method, url, headers['idempotency-key']]);
  const first = keys[0]?.[2];
  expect(first).toMatch(/^[0-9a-f]{40}$/);
  expect(keys).toEqual([
    ['POST', '/payments', first],
    ['POST', '/payments', first],
    ['POST', '/payments', expect.stringMatching(/^[0-9a-f]{40}$/)],
    ['POST', '/payments', 'of-the-author'],
    ['POST', '/notes', undefined],
    ['GET', '/payments', undefined],
  ]);
  expect(keys[2]?.[2]).not.toBe(first);
});
