/** What README says of records: one table of what `sync` and `records` measured, in the place that README keeps for it. */
import type { Figures, Result } from './bench.ts';

type Line = { readonly what: string; readonly bench: 'sync' | 'records'; readonly read: (all: Figures) => string };

const LINES: readonly Line[] = [
  { what: 'a first sync through the whole path', bench: 'sync', read: perSecond('first_sync_rps_0ms') },
  { what: 'the same again, nothing changed', bench: 'sync', read: perSecond('unchanged_sync_rps_0ms') },
  { what: 'a first sync from an API that takes 50 ms', bench: 'sync', read: perSecond('first_sync_rps_50ms') },
  {
    what: 'the store alone, new rows of 1 KB in batches of 1,000',
    bench: 'records',
    read: (all) => `${perSecond('save_new_rps')(all)}, ${share(all)} % of \`COPY\` into the same indexes`,
  },
  { what: 'the store alone, unchanged rows', bench: 'records', read: perSecond('save_unchanged_rps') },
  { what: 'a new row costs more among 5 M rows than among 10,000 by', bench: 'records', read: growth('new') },
  {
    what: 'and where its id may belong anywhere',
    bench: 'records',
    read: (all) => `${growth('random_new')(all)}; \`COPY\` of such ids ${growth('random_copy')(all)}`,
  },
  { what: '`GET /records`, limit 100', bench: 'records', read: perSecond('read_rps_100') },
  { what: '`GET /records`, limit 1,000', bench: 'records', read: perSecond('read_rps_1000') },
];
const UNKNOWN = 'not measured';
const [BEGIN, END] = ['<!-- records: made by the benches with --save -->\n', '<!-- end of records -->'];

/** README with the table made anew, in the place of the old one. */
export function withRecordsTable(readme: string, results: readonly Result[]): string {
  const [before = '', rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined)
    throw new Error(`README.md has no place for the records table: '${BEGIN.trim()}' … '${END}'`);
  return `${before}${BEGIN}${recordsTable(results)}${END}${after}`;
}

function recordsTable(results: readonly Result[]): string {
  const of = (bench: string): Result | undefined => results.find((one) => one.bench === bench);
  const lines = LINES.map(({ what, bench, read }) => {
    const result = of(bench);
    return `| ${what} | ${result === undefined ? UNKNOWN : read(result.figures)} |`;
  });
  const sources = ['sync', 'records'].flatMap((bench) => {
    const result = of(bench);
    return result === undefined ? [] : [`\`${result.command}\`: ${placeOf(result)}.`];
  });
  const taken = sources.length === 0 ? '' : `\n${sources.join('\n')}\n`;
  return `| records | measured |\n|---|---|\n${lines.join('\n')}\n${taken}`;
}

/** Day and machine, as the bench printed them. */
function placeOf({ surroundings }: Result): string {
  const value = (name: string): string => new RegExp(`^${name}\\s+(.*)$`, 'm').exec(surroundings)?.[1] ?? 'unknown';
  return `${value('date').slice(0, 10)}, ${value('machine')}`;
}

function perSecond(name: string): Line['read'] {
  return (all) => (all[name] === undefined ? UNKNOWN : `${all[name].toLocaleString('en')}/s`);
}

function growth(kind: string): Line['read'] {
  return (all) => {
    const percent = all[`growth_${kind}_percent`];
    return percent === undefined ? UNKNOWN : `${Math.round(percent)} %`;
  };
}

function share({ save_new_rps: fresh = Number.NaN, copy_rps: copy = Number.NaN }: Figures): string {
  return ((100 * fresh) / copy).toFixed(0);
}
