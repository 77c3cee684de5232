import { beforeAll, expect, test } from '@jest/globals';
import { createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const platform = usePlatform({
  NANGO_SYNC_SLOTS: '1',
  NANGO_SYNC_SLICE_MS: '1000',
  NANGO_MAX_RUNS_PER_CONNECTION: '1',
});
const upstream = useUpstream();

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  for (const connection of ['acme', 'globex']) await createConnection(platform.caller, 'tracker', connection);
  await deployScripts(platform.caller, 'tracker', [
    { name: 'long', source: long() },
    { name: 'short', source: short() },
  ]);
});

test.each([
  ['the only slot of a worker', 'globex'],
  ['the only place of a connection', 'acme'],
])(
  'a sync that runs for long yields %s to another, and goes on where it was',
  async (_, connection) => {
    const begun = Promise.withResolvers<void>();
    let isOver = false;
    upstream.handleWith(({ url }) => {
      begun.resolve();
      if (url === '/short') isOver = true;
      return { json: { more: !isOver } };
    });
    const first = await triggerSync(platform, { integration: 'tracker', connection: 'acme', name: 'long' });
    await begun.promise;
    const second = await triggerSync(platform, { integration: 'tracker', connection, name: 'short' });
    expect((await endedRun(platform, second)).state).toBe('success');
    const run = await endedRun(platform, first);
    expect(run).toMatchObject({ state: 'success', generation: 0 });
    expect(run.attempts).toBeGreaterThan(1);
    const pages = upstream.requests.map(({ url }) => url).filter((url) => url.startsWith('/long/'));
    expect(pages).toEqual(pages.map((_page, number) => `/long/${number}`));
  },
  60_000,
);

/** Asks for pages until the upstream has heard of the other sync. */
function long(): string {
  return `
export default async function fetchData(nango: any) {
  for (let page = 0, more = true; more; page++) {
    ({ data: { more } } = await nango.get({ endpoint: '/long/' + page, baseUrlOverride: '${upstream.url}' }));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}`;
}

function short(): string {
  return `
export default async function fetchData(nango: any) {
  await nango.get({ endpoint: '/short', baseUrlOverride: '${upstream.url}' });
}`;
}
