import { expect, test } from '@jest/globals';
import type { Result } from '../../bench/bench.ts';
import { sideBySide } from '../../bench/results.ts';
import { withRecordsTable } from '../../bench/records-table.ts';
import { ROWS } from '../../bench/rows.ts';

const REST: Result = {
  bench: 'rest',
  command: 'npm run -s bench -- rest',
  surroundings: 'machine   2 × Some CPU, 24 GiB, 2 % in use',
  figures: { pss_mib: 512, cpu_percent: 1.5 },
};

test('a figure stands in its row beside the incumbent, and what was not measured says so', () => {
  const [, , ...lines] = sideBySide([REST]).split('\n');
  expect(lines).toHaveLength(ROWS.length);
  expect(lines.filter((line) => !line.includes('not measured |'))).toEqual([
    '| memory at rest, everything, PSS | 1,039 MiB | ≤ 600 MiB | 512 MiB, 1.5 % of a core | `rest` |',
  ]);
});

test('a figure that was taken on a busy machine is marked', () => {
  const busy = { ...REST, surroundings: `${REST.surroundings}: busy, so the figures are too low` };
  expect(sideBySide([busy])).toContain('| 512 MiB, 1.5 % of a core ¹ |');
});

test('README gets the figures of records with date, machine and command, and keeps everything around them', () => {
  const readme = '# A\n<!-- records: made by the benches with --save -->\nold\n<!-- end of records -->\nb\n';
  const records: Result = {
    bench: 'records',
    command: 'npm run -s bench -- records --thorough',
    surroundings: 'date      2026-11-26T11:27:00Z\nmachine   2 × Some CPU, 24 GiB, 2 % in use',
    figures: { save_new_rps: 60_000, copy_rps: 100_000, growth_new_percent: 15.77, read_rps_1000: 61_234 },
  };
  const made = withRecordsTable(readme, [REST, records]);
  expect(made).toContain('| 60,000/s, 60 % of `COPY` into the same indexes |');
  expect(made).toContain('than among 10,000 by | 16 % |');
  expect(made).toContain('| `GET /records`, limit 1,000 | 61,234/s |');
  expect(made).toContain('| a first sync through the whole path | not measured |');
  expect(made).toContain('`npm run -s bench -- records --thorough`: 2026-11-26, 2 × Some CPU, 24 GiB, 2 % in use.');
  expect([made.startsWith('# A\n'), made.endsWith('-->\nb\n'), made.includes('old')]).toEqual([true, true, false]);
  expect(withRecordsTable(made, [REST, records])).toBe(made);
});
