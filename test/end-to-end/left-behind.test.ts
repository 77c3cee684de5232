import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, expect, jest, test } from '@jest/globals';
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
    const made = watchSignals();
    await runAll();
    jest.restoreAllMocks();
    expect(made.length).toBeGreaterThan(RUNS);
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    // What a weak reference was asked for stays until the next turn.
    await nextTurn();
    expect(made.filter((signal) => signal.deref() !== undefined).length).toBeLessThan(NEWEST);
  },
  180_000,
);

/** The signals that runs make for themselves, which hold all that listens to them. */
function watchSignals(): readonly WeakRef<AbortSignal>[] {
  const made: WeakRef<AbortSignal>[] = [];
  const join = AbortSignal.any.bind(AbortSignal);
  jest.spyOn(AbortSignal, 'any').mockImplementation((signals) => {
    const signal = join(signals);
    made.push(new WeakRef(signal));
    return signal;
  });
  return made;
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
