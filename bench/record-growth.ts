/**
 * What a save costs in a table of few rows and in one of many, side by side: the same batches go into both in turn, so
 * that a busy moment of the machine meets both.
 */
import type { Database } from '../store/db.ts';
import type { Figures } from './bench.ts';
import { median } from './load.ts';
import { batchesOf, type BenchWriter, beginWriter, copyBeside, idAtRandom, preload, saveAll } from './record-store.ts';

/** Of rows that are only there to be many. */
export const PRELOADED_BYTES = 200;
const FEW_ROWS = 10_000;
const WRITERS = 8;
const ROUNDS = 3;
const KINDS = ['new', 'changed', 'unchanged'] as const;
const CELLS: readonly Cell[] = [
  ...[100, 1_000, 10_000].flatMap((size) => [1, WRITERS].map((writers) => ({ size, writers, isRandom: false }))),
  { size: 1_000, writers: 1, isRandom: true },
];

type Cell = { readonly size: number; readonly writers: number; readonly isRandom: boolean };
type Kind = (typeof KINDS)[number];
type Store = { readonly db: Database; readonly writers: readonly BenchWriter[] };

/** Eight writers, each of a model of its own that holds its share of the rows. */
export async function fillStore(db: Database, rows: number): Promise<BenchWriter[]> {
  const writers: BenchWriter[] = [];
  for (let at = 0; at < WRITERS; at += 1) {
    const writer = await beginWriter(db, 'store', `Model${at}`);
    await preload(db, writer, rows / WRITERS, PRELOADED_BYTES);
    writers.push(writer);
  }
  return writers;
}

/**
 * Rows per second of 1 KB for each size of batch, by 1 and by 8 writers: new, changed, and unchanged. Growth is how much
 * more a row costs in the large table, in percent, as the median of the cells; below 0 it cost less.
 */
export async function tableOfSaves(
  empty: Database,
  large: Store,
  { preload: rows, say }: { readonly preload: number; readonly say: (line: string) => void },
): Promise<Figures> {
  const small = { db: empty, writers: await fillStore(empty, FEW_ROWS) };
  say(`rows/s in a table of ${FEW_ROWS} rows, and in one of ${rows}\n`);
  say(`  batch   writers  ids     ${KINDS.map((kind) => `${kind.padStart(20)} growth`).join(' ')}`);
  const figures: Record<string, number> = {};
  const growths: Record<Kind, number[]> = { new: [], changed: [], unchanged: [] };
  for (const [at, cell] of CELLS.entries()) {
    const measured = await measure(cell, at, small, large);
    const columns = KINDS.map((kind) => {
      const { few, many } = measured[kind];
      const growth = 100 * (few / many - 1);
      if (!cell.isRandom) growths[kind].push(growth);
      figures[nameOf(cell, kind)] = many;
      if (cell.isRandom) figures[`growth_random_${kind}_percent`] = growth;
      return `${few.toFixed(0).padStart(9)} ${many.toFixed(0).padStart(10)} ${growth.toFixed(0).padStart(4)} %`;
    });
    const ids = cell.isRandom ? 'random' : 'rising';
    say(`${String(cell.size).padStart(7)} ${String(cell.writers).padStart(9)}  ${ids} ${columns.join('  ')}`);
  }
  for (const kind of KINDS) figures[`growth_${kind}_percent`] = median(growths[kind]);
  const copy = await growthOfCopy(small, large);
  figures['growth_random_copy_percent'] = copy;
  say(`\nCOPY of such random ids beside the same rows: growth ${copy.toFixed(0)} %\n`);
  return figures;
}

/** The same for `COPY` of rows with random ids, which does nothing but fill the same indexes. */
async function growthOfCopy(...stores: readonly [Store, Store]): Promise<number> {
  const seconds: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    const batches = batchesOf((CELLS.length * ROUNDS + round + 1) * 1_000_000, 16_000, 1_000, 0, idAtRandom);
    for (const [at, { db, writers }] of stores.entries()) {
      seconds[at]?.push(await copyBeside(db, writers[WRITERS - 1] as BenchWriter, batches));
    }
  }
  const [few, many] = seconds;
  return 100 * (median(many) / median(few) - 1);
}

async function measure(
  cell: Cell,
  at: number,
  small: Store,
  large: Store,
): Promise<Record<Kind, { readonly few: number; readonly many: number }>> {
  const rows = Math.max(cell.size, 16_000 / cell.writers);
  const seconds = { new: emptyTimes(), changed: emptyTimes(), unchanged: emptyTimes() };
  for (let round = 0; round < ROUNDS; round += 1) {
    // No two rounds of a table may know each other's rows.
    const from = (at * ROUNDS + round + 1) * 1_000_000;
    for (const [version, kind] of [
      [0, 'new'],
      [1, 'changed'],
      [1, 'unchanged'],
    ] as const) {
      const batches = batchesOf(from, rows, cell.size, version, cell.isRandom ? idAtRandom : undefined);
      for (const [which, store] of [
        ['few', small],
        ['many', large],
      ] as const) {
        seconds[kind][which].push(await saveAll(store.db, store.writers.slice(0, cell.writers), batches));
      }
    }
  }
  const rate = (times: readonly number[]): number => (cell.writers * rows) / median(times);
  const rates = ({ few, many }: Times) => ({ few: rate(few), many: rate(many) });
  return { new: rates(seconds.new), changed: rates(seconds.changed), unchanged: rates(seconds.unchanged) };
}

type Times = { readonly few: number[]; readonly many: number[] };

function emptyTimes(): Times {
  return { few: [], many: [] };
}

function nameOf({ size, writers, isRandom }: Cell, kind: Kind): string {
  return `${kind}_${size}_by_${writers}${isRandom ? '_random' : ''}_rps`;
}
