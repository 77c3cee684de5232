import type { Closing } from '../../runtime/closing.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { watchProcessorTime } from '../processor-time.ts';
import { configure, connect, deploy, MODEL, openStage, type Run, runSync } from '../stage.ts';

const SOURCE = `
export default async function fetchData(nango: any) {
  let cursor: string | null = null;
  do {
    const { data }: any = await nango.get({ endpoint: '/records', params: { limit: 100, ...(cursor && { cursor }) } });
    await nango.batchSave(data.data, '${MODEL}');
    cursor = data.next_cursor;
  } while (cursor);
}`;
const BYTES = 300;
const SLOW_MS = 50;
const WARM_UP_RECORDS = 2000;
const STRAIGHT_PAGES = 200;

/**
 * Full syncs of records of 300 bytes in pages of 100, one after the other, each checked for what it counted, and the
 * processor time of each part in the first one.
 */
export async function benchSync(closing: Closing, { records, profile, say }: BenchOptions): Promise<Figures> {
  const stage = await openStage(closing, profile);
  for (const connection of ['warm-up', 'fast', 'slow']) await connect(stage, connection);
  await deploy(stage, { name: 'rows', type: 'sync', source: SOURCE });
  const sync = async (connection: string, size: number, latencyMs: number, added: number): Promise<number> => {
    await configure(stage, { total: size, bytes: BYTES, latencyMs });
    const withinS = 30 + size / 100;
    const { seconds, run } = await runSync(stage, { name: 'rows', connection, withinS });
    checkCounts(run, added);
    say(`${size} records, upstream ${latencyMs} ms, ${added} new: ${seconds.toFixed(2)} s`);
    return size / seconds;
  };
  await sync('warm-up', WARM_UP_RECORDS, 0, WARM_UP_RECORDS);
  const straight = async (): Promise<number> => {
    const { seconds, fetched } = await fetchStraight(stage.upstreamUrl, STRAIGHT_PAGES);
    say(`${fetched} records, upstream ${SLOW_MS} ms, fetched and dropped: ${seconds.toFixed(2)} s`);
    return fetched / seconds;
  };
  const processorTime = watchProcessorTime();
  const first = await sync('fast', records, 0, records);
  const parts = Object.entries(processorTime());
  return {
    first_sync_rps_0ms: first,
    ...Object.fromEntries(parts.map(([part, ms]) => [`first_sync_${part}_cpu_us_per_record`, (ms * 1_000) / records])),
    unchanged_sync_rps_0ms: await sync('fast', records, 0, 0),
    first_sync_rps_50ms: await sync('slow', records, SLOW_MS, records),
    straight_rps_50ms: await straight(),
  };
}

/** What is left for a script that asks page after page: the same requests from here, by a client that does nothing else. */
async function fetchStraight(upstreamUrl: string, pages: number) {
  const from = performance.now();
  let fetched = 0;
  let cursor: string | null = null;
  for (let page = 0; page < pages; page += 1) {
    const answer = await fetch(`${upstreamUrl}/records?limit=100${cursor === null ? '' : `&cursor=${cursor}`}`);
    const { data, next_cursor } = (await answer.json()) as { data: readonly unknown[]; next_cursor: string | null };
    fetched += data.length;
    cursor = next_cursor;
  }
  return { fetched, seconds: (performance.now() - from) / 1000 };
}

function checkCounts({ counts }: Run, added: number): void {
  const { added: a = 0, updated = 0, deleted = 0 } = counts[MODEL] ?? {};
  if (a === added && updated === 0 && deleted === 0) return;
  throw new Error(`The run counted ${a} added, ${updated} updated, ${deleted} deleted instead of ${added}, 0, 0`);
}
