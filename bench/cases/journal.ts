import type { Journal } from '../../contract/journal.ts';
import type { Closing } from '../../runtime/closing.ts';
import type { Sandbox } from '../../sandbox/pool.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { type DurableStage, openDurableStage } from '../durable-stage.ts';
import { median } from '../load.ts';

const SOURCE = `
export default async function fetchData(nango: any) {
  let cursor: string | null = null;
  do {
    const { data }: any = await nango.get({ endpoint: '/records', params: { limit: 100, ...(cursor && { cursor }) } });
    await nango.batchSave(data.data, 'Task');
    cursor = data.next_cursor;
  } while (cursor);
}`;
const BYTES = 300;
const PAGE = 100;
// In turns, so that a machine that is busy for a while slows both.
const ROUNDS = 5;

/** First syncs with the journal and without it, side by side, from a slow and from a fast upstream. */
export async function benchJournal(closing: Closing, { say }: BenchOptions): Promise<Figures> {
  const stage = await openDurableStage(closing, 'bench/upstream/fake-api.ts');
  const { runs } = stage;
  await timed(stage, { name: 'warm-up', records: 20 * PAGE, latencyMs: 0 });
  const compare = async (records: number, latencyMs: number): Promise<number> => {
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = `at-${latencyMs}-round-${round}`;
      const sandbox = forgetful(runs.sandbox);
      const without = await timed(stage, { name: `${name}-without`, records, latencyMs, sandbox });
      const kept = await timed(stage, { name, records, latencyMs });
      ratios.push(kept.seconds / without.seconds);
      say(
        `${records} records, upstream ${latencyMs} ms: ${kept.seconds.toFixed(2)} s, without journal ${without.seconds.toFixed(2)} s`,
      );
    }
    return median(ratios);
  };
  const ratio50 = await compare(50 * PAGE, 50);
  const ratio0 = await compare(300 * PAGE, 0);
  const { journalBytes, responseBytes } = await timed(stage, { name: 'bytes', records: 300 * PAGE, latencyMs: 0 });
  return {
    wall_ratio_50ms: ratio50,
    wall_ratio_0ms: ratio0,
    journal_bytes_per_mb: journalBytes / (responseBytes / 2 ** 20),
  };
}

type Timed = { readonly seconds: number; readonly journalBytes: number; readonly responseBytes: number };

/** One first sync of a connection of its own, checked for what it counted. */
async function timed(
  { runs, upstreamUrl }: DurableStage,
  sync: { readonly name: string; readonly records: number; readonly latencyMs: number; readonly sandbox?: Sandbox },
): Promise<Timed> {
  const { name, records, latencyMs, sandbox = runs.sandbox } = sync;
  const config = { total: records, bytes: BYTES, latencyMs };
  await fetch(`${upstreamUrl}/__config`, { method: 'POST', body: JSON.stringify(config) });
  const page = await (await fetch(`${upstreamUrl}/records?limit=${PAGE}&cursor=${PAGE}`)).text();
  const runId = await runs.allocate(await runs.deploy({ name, source: SOURCE, connection: name }));
  const begun = performance.now();
  await runs.attempt(runId, { sandbox });
  const seconds = (performance.now() - begun) / 1000;
  const { state, counts, journalBytes } = await runs.inspect(runId);
  if (state !== 'success' || counts.added !== records) throw new Error(`'${name}' is ${state}, ${counts.added} added`);
  return { seconds, journalBytes, responseBytes: page.length * (records / PAGE) };
}

/**
 * The same sandbox whose runs remember nothing: of each answer only that it came, since rows are stored with it. A few
 * bytes are left in each transaction; arguments are not hashed, answers not serialised, compressed, sealed or stored.
 */
function forgetful(sandbox: Sandbox): Sandbox {
  const forgetting = (journal: Journal): Journal => ({
    ...journal,
    hash: () => '',
    record: ({ number }) =>
      journal.record({ number, kind: 'log', argsHash: '', args: '', ok: true, json: '', body: undefined, now: 0 }),
  });
  return {
    ...sandbox,
    run: ({ journal, ...run }) => sandbox.run({ ...run, ...(journal && { journal: forgetting(journal) }) }),
  };
}
