import { setImmediate as nextTurn } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { beforeAll, expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { eachOf } from '../../bench/each-of.ts';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const RUNS = 40;
/** What the newest of them may still be held by. */
const NEWEST = 10;
const platform = usePlatform();
const upstream = useUpstream(({ url }) =>
  url === '/limited' ? { status: 429, headers: { 'retry-after': '3600' } } : { json: { rows: [{ id: '1' }] } },
);
const names = Array.from({ length: RUNS }, (_, at) => `member-${at}`);
const asking = (path: string): string => `export default async function fetchData(nango: any) {
  const { data } = await nango.get({ endpoint: '${path}', baseUrlOverride: '${upstream.url}', retries: 3 });
  await nango.batchSave(data.rows, 'Task');
}`;

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  await eachOf(names, 8, (name) => createConnection(platform.caller, 'tracker', name));
  await deployScripts(platform.caller, 'tracker', [
    { name: 'rows', source: asking('/rows') },
    { name: 'limited', source: asking('/limited') },
    { name: 'echo', type: 'action', source: 'export default async (nango: any, input: any) => input;' },
  ]);
}, 120_000);

test.each([
  [
    'syncs that have ended',
    () => eachOf(names, 8, async (name) => void (await endedRun(platform, await sync(name, 'rows')))),
  ],
  ['syncs that wait for hours', () => eachOf(names, 8, waiting)],
  ['actions', () => eachOf(names, 8, async (name) => void (await echo(name)))],
])(
  '%s leave nothing of themselves in their process',
  async (_, runAll) => {
    const before = { executions: held(Context), signals: held(AbortSignal) };
    // Connections that were closed while garbage was collected are noticed first.
    await nextTurn();
    await runAll();
    expect(held(Context) - before.executions).toBeLessThan(NEWEST);
    expect(held(AbortSignal) - before.signals).toBeLessThan(2 * NEWEST);
  },
  180_000,
);

/** Objects of a class that are still reachable; garbage is collected first. */
function held(kind: abstract new (...args: never[]) => unknown): number {
  return queryObjects(kind as new () => unknown, { format: 'count' });
}

function sync(connection: string, name: string): Promise<string> {
  return triggerSync(platform, { integration: 'tracker', connection, name });
}

async function waiting(connection: string): Promise<void> {
  const id = await sync(connection, 'limited');
  await platform.event(({ event, fields }) => event === 'run.waiting' && fields['run'] === id);
}

function echo(connection: string): Promise<unknown> {
  const of = { 'provider-config-key': 'tracker', 'connection-id': connection };
  return call(platform.caller, 'POST', '/action/trigger', { action_name: 'echo', input: { a: 1 } }, [], of);
}
