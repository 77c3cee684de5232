import { expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { usePlatform } from '../support/platform.ts';

const platform = usePlatform({}, { syncs: false });

async function ready(): Promise<{ status: number; body: Record<string, string> }> {
  const answer = await fetch(`${platform.caller.apiUrl}/ready`);
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
}

async function untilReady(): Promise<{ status: number; body: Record<string, string> }> {
  for (;;) {
    const answer = await ready();
    if (answer.status === 200) return answer;
    await delay(50);
  }
}

test('an API that runs actions misses the workers for syncs, and is ready once they are there', async () => {
  const { status, body } = await ready();
  expect([status, body['store'], body['migrations'], body['engine']]).toEqual([503, 'ok', 'ok', 'ok']);
  expect(body['workers']).toContain('nango-syncs, nango-background, nango-webhooks');
  expect(body['workers']).toContain('NANGO_WORKER_ROLES=');
  await platform.stop();
  await platform.start();
  expect((await untilReady()).body).toEqual({
    result: 'ok',
    store: 'ok',
    migrations: 'ok',
    engine: 'ok',
    workers: 'ok',
  });
}, 120_000);
