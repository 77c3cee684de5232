import type { Closing } from '../../runtime/closing.ts';
import { openDatabase, type Database } from '../../store/db.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { load, median } from '../load.ts';
import { type BenchWriter, beginWriter, batchesOf, copyAll, openStore, preload, saveAll } from '../record-store.ts';
import { fillStore, PRELOADED_BYTES, tableOfSaves } from '../record-growth.ts';
import { connect, connectionHeaders, deploy, MODEL, openStage, type Stage } from '../stage.ts';

const SOURCE = 'export default async function fetchData() {}';
const ROWS_PER_ROUND = 20_000;
const ROUNDS = 3;
const READ_ROWS = 10_000;
const READ_BYTES = 300;

/**
 * The store alone, in batches, beside COPY of the same bytes in turn with it; then GET /records over HTTP. `--preload`
 * rows are in the table before: what a save costs must not grow with them.
 */
export async function benchRecords(closing: Closing, options: BenchOptions): Promise<Figures> {
  const stage = await openStage(closing, options.profile);
  const db = await openStore(stage.parts.databaseUrl, closing, 'store');
  const writers = await fillStore(db, options.preload);
  options.say(`${options.preload} rows of ${PRELOADED_BYTES} bytes are in the table\n`);
  const compared = await besideCopy(db, writers[0] as BenchWriter, options.say);
  const thorough = options.thorough
    ? await tableOfSaves(await openStore(stage.parts.databaseUrl, closing, 'small'), { db, writers }, options)
    : {};
  return { ...compared, ...thorough, ...(await reads(closing, stage, options)) };
}

/** New rows, COPY of the same, and the same rows again, in turn, so that a busy moment meets all of them. */
async function besideCopy(db: Database, writer: BenchWriter, say: BenchOptions['say']): Promise<Figures> {
  const seconds: Record<'new' | 'copy' | 'unchanged', number[]> = { new: [], copy: [], unchanged: [] };
  for (let round = 0; round <= ROUNDS; round += 1) {
    const batches = batchesOf(round * ROWS_PER_ROUND, ROWS_PER_ROUND, 1_000);
    const copy = await copyAll(db, batches);
    const fresh = await saveAll(db, [writer], batches);
    const same = await saveAll(db, [writer], batches);
    // The first round warms up.
    if (round === 0) continue;
    seconds.copy.push(copy);
    seconds.new.push(fresh);
    seconds.unchanged.push(same);
  }
  const rate = (times: readonly number[]): number => ROWS_PER_ROUND / median(times);
  const figures = {
    save_new_rps: rate(seconds.new),
    copy_rps: rate(seconds.copy),
    save_unchanged_rps: rate(seconds.unchanged),
  };
  const share = (100 * figures.save_new_rps) / figures.copy_rps;
  const times = figures.save_unchanged_rps / figures.save_new_rps;
  say(`batches of 1000 rows of 1 KB: new ${share.toFixed(0)} % of COPY, unchanged ${times.toFixed(1)} × new\n`);
  return figures;
}

async function reads(closing: Closing, stage: Stage, { seconds, say }: BenchOptions): Promise<Figures> {
  await connect(stage, 'read');
  await deploy(stage, { name: 'rows', type: 'sync', source: SOURCE });
  const db = openDatabase(stage.parts.databaseUrl, { max: 1, onLost: () => undefined });
  closing.add('the database', () => db.end());
  await preload(db, await beginWriter(db, 'read', MODEL), READ_ROWS, READ_BYTES);
  await db.query('vacuum analyze records');
  const rate = async (limit: number): Promise<number> => {
    const url = `${stage.caller.apiUrl}/records?model=${MODEL}&limit=${limit}`;
    const request = { url, headers: connectionHeaders(stage, 'read') };
    const { perS, p50Ms } = await load(request, { clients: 2, seconds, warmUp: 100 });
    say(`GET /records, limit ${limit}, 2 callers: ${perS.toFixed(0)} pages/s, p50 ${p50Ms.toFixed(1)} ms`);
    return perS * limit;
  };
  return { read_rps_100: await rate(100), read_rps_1000: await rate(1_000) };
}
