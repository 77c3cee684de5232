/**
 * What was measured last: one file for each bench in bench/results/, and bench/RESULTS.md made of them. A figure stands
 * there with its command, date, machine and versions, or not at all.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Result } from './bench.ts';
import { withRecordsTable } from './records-table.ts';
import { ROWS } from './rows.ts';

const FOLDER = fileURLToPath(new URL('results/', import.meta.url));
const PAGE = fileURLToPath(new URL('RESULTS.md', import.meta.url));
const README = fileURLToPath(new URL('../README.md', import.meta.url));

/** Keeps a result in the place of the bench's last one, and makes the page and README's table of records anew. */
export function saveResult(result: Result): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}${result.bench}.json`, `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(PAGE, pageOf(savedResults()));
  writeFileSync(README, withRecordsTable(readFileSync(README, 'utf8'), savedResults()));
}

export function savedResults(): readonly Result[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  return files.sort().map((name): Result => JSON.parse(readFileSync(`${FOLDER}${name}`, 'utf8')));
}

/** The rows that are measured beside the incumbent, as a Markdown table. */
export function sideBySide(results: readonly Result[]): string {
  const lines = ROWS.map(({ what, incumbent, aim, bench, read }) => {
    const result = results.find((one) => one.bench === bench);
    const measured = result === undefined ? 'not measured' : `${read(result.figures)}${isBusy(result) ? ' ¹' : ''}`;
    return `| ${[what, incumbent, aim, measured, `\`${bench}\``].join(' | ')} |`;
  });
  return ['| what | incumbent | aim | measured | bench |', '|---|---|---|---|---|', ...lines].join('\n');
}

function pageOf(results: readonly Result[]): string {
  const each = results.map(({ bench, command, surroundings, figures }) => {
    const lines = Object.entries(figures).map(([name, value]) => `${name.padEnd(30)} ${value}`);
    return `## ${bench}\n\n\`\`\`\n$ ${command}\n${surroundings}\n\n${lines.join('\n')}\n\`\`\`\n`;
  });
  return `# Results

Made by \`npm run -s bench -- side-by-side\`, or by one bench with \`--save\`; not written by hand.

${sideBySide(results)}

¹ The machine was busy with other work, so the figure is worse than the engine is.

The incumbent is Nango 0.71.4, built from source and measured on a quiet machine of two cores.

${each.join('\n')}`;
}

function isBusy({ surroundings }: Result): boolean {
  return surroundings.includes('busy');
}
