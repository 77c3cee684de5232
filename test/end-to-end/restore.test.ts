/** The day everything is gone but a dump of Postgres and the key: a new server, a new Temporal, the same readers. */
import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { useDatabase } from '../support/database.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { dumpAndRestore } from '../support/dump.ts';
import { runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { useTemporal } from '../support/temporal.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const PAGES = 12;
const DUMPED_AT = 7;
const INTEGRATION = 'restored';

const upstream = useUpstream();
const restored = useDatabase({ empty: true });
const newTemporal = useTemporal();
const platform = usePlatform();
const at = (name: string) => ({ integration: INTEGRATION, connection: 'acme', name });
const source = () => `
export default async function fetchData(nango: any) {
  const checkpoint = await nango.getCheckpoint();
  for (let page = checkpoint?.page ?? 0; page < ${PAGES}; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, baseUrlOverride: '${upstream.url}' });
    await nango.batchSave(data.rows, 'Task');
    await nango.saveCheckpoint({ page: page + 1 });
  }
  await nango.clearCheckpoint();
}`;

beforeAll(async () => {
  await createIntegration(platform.caller, INTEGRATION, 'example-tracker');
  await createConnection(platform.caller, INTEGRATION, 'acme');
  await deployScripts(platform.caller, INTEGRATION, [{ name: 'pages', source: source(), runs: 'every 1h' }]);
});

test('a dump taken under load and a new Temporal go on from checkpoints and cursors, and lose and repeat nothing', async () => {
  const isThere = Promise.withResolvers<void>();
  const mayGoOn = Promise.withResolvers<void>();
  upstream.handleWith(async ({ url }) => {
    const page = Number(url.split('/').at(-1));
    if (page === DUMPED_AT) {
      isThere.resolve();
      await mayGoOn.promise;
    }
    return { json: { rows: [{ id: `row-${page}`, page }] } };
  });
  const lost = await triggerSync(platform, at('pages'));
  await isThere.promise;
  const reader = createReader();
  // What a script has saved is stored within half a second.
  while (reader.rows.size < DUMPED_AT) await reader.readOn();
  await dumpAndRestore(platform.database, restored);
  // What comes after the dump is read, and is lost all the same.
  mayGoOn.resolve();
  await platform.event(({ event, fields }) => event === 'run.ended' && fields['run'] === lost);
  await reader.readOn();
  expect(reader.rows.size).toBe(PAGES);
  const seenBefore = upstream.requests.length;
  await platform.stop();

  await platform.start({}, { databaseUrl: restored.url, temporal: newTemporal });
  expect(await endOf(lost)).toMatchObject({ state: 'failed', error: { code: 'runner_lost' } });
  await untilScheduled(`sync:dev:${INTEGRATION}:acme:pages`);
  const given = new Set(reader.seqs);
  const again = await runSync(platform, at('pages'));
  expect(again).toMatchObject({
    state: 'success',
    counts: { Task: { added: PAGES - DUMPED_AT, updated: 0, deleted: 0 } },
  });
  expect(upstream.requests.slice(seenBefore).map(({ url }) => url)).toEqual(
    Array.from({ length: PAGES - DUMPED_AT }, (_, page) => `/pages/${page + DUMPED_AT}`),
  );
  const news = await reader.readOn();
  expect(news.map(({ id }) => id)).toEqual(Array.from({ length: PAGES - DUMPED_AT }, (_, n) => `row-${n + DUMPED_AT}`));
  expect(reader.seqs.slice(given.size).filter((seq) => given.has(seq))).toEqual([]);
  expect((await createReader().readOn()).map(({ id }) => id).sort()).toEqual([...reader.rows].sort());
}, 240_000);

type Row = { readonly id: string; readonly _nango_metadata: { readonly cursor: string } };

/** Somebody who polls: what was read so far, by id, and every number it came with. */
function createReader() {
  const rows = new Set<string>();
  const seqs: string[] = [];
  let cursor: string | undefined;
  const readOn = async (): Promise<readonly Row[]> => {
    const path = `/records?model=Task${cursor === undefined ? '' : `&cursor=${cursor}`}`;
    const headers = { 'provider-config-key': INTEGRATION, 'connection-id': 'acme' };
    const { records } = await call<{ records: readonly Row[] }>(platform.caller, 'GET', path, undefined, [], headers);
    for (const { id, _nango_metadata } of records) {
      rows.add(id);
      cursor = _nango_metadata.cursor;
      seqs.push(cursor);
    }
    return records;
  };
  return { rows, seqs, readOn };
}

type Run = { readonly state: string; readonly error: { readonly code: string } | null };

function endOf(runId: string): Promise<Run> {
  return until(`end of run ${runId}`, async () => {
    const run = await call<Run>(platform.caller, 'GET', `/runs/${runId}`);
    return !['queued', 'running', 'waiting'].includes(run.state) && run;
  });
}

/** The list of schedules lags behind what there is. */
async function untilScheduled(wanted: string): Promise<void> {
  await until(`schedule ${wanted}`, async () => {
    for await (const { scheduleId } of platform.engine.client.schedule.list()) if (scheduleId === wanted) return true;
    return false;
  });
}
