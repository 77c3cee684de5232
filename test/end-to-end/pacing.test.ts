import { beforeAll, expect, test } from '@jest/globals';
import { createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const LIMIT = 20;
const WINDOW_MS = 3_000;
const CALLS = 35;
const NAMES = ['first', 'second'];

const platform = usePlatform();
const upstream = useUpstream();

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  await createConnection(platform.caller, 'tracker', 'acme');
  const source = (name: string) => `export default async function fetchData(nango: any) {
    for (let call = 0; call < ${CALLS}; call++) await nango.get({ endpoint: '/${name}', baseUrlOverride: '${upstream.url}' });
  }`;
  const scripts = NAMES.map((name) => ({ name, source: source(name) }));
  await deployScripts(platform.caller, 'tracker', scripts);
});

test('two runs that share the budget of a connection use it up without running into the limit', async () => {
  const statuses: number[] = [];
  let window = { from: 0, calls: 0 };
  upstream.handleWith(() => {
    const now = performance.now();
    if (now - window.from >= WINDOW_MS) window = { from: now, calls: 0 };
    window.calls += 1;
    const status = window.calls > LIMIT ? 429 : 200;
    statuses.push(status);
    const reset = (window.from + WINDOW_MS - now) / 1_000;
    const remaining = Math.max(0, LIMIT - window.calls);
    return {
      status,
      headers: { ratelimit: `limit=${LIMIT}, remaining=${remaining}, reset=${reset.toFixed(3)}` },
      json: {},
    };
  });
  const runs = await Promise.all(
    NAMES.map((name) => triggerSync(platform, { integration: 'tracker', connection: 'acme', name })),
  );
  for (const run of runs) expect((await endedRun(platform, run)).state).toBe('success');
  expect(statuses).toEqual(Array(NAMES.length * CALLS).fill(200));
}, 120_000);
