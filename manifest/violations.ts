/** What of a batch of records does not fit its model, by kinds, as production and dry runs alike tell it. Pure. */
import type { Violation } from '../contract/violation.ts';
import type { RecordChecker } from './check-json.ts';
import type { RecordBatch } from './record-batch.ts';

/** A pass tells of so many kinds of violations; all are counted. */
const MOST_TOLD = 50;

/** Each kind once, with the number of records that have it. */
export function violationsIn(
  model: string,
  { ids, rows }: Pick<RecordBatch, 'ids' | 'rows'>,
  check: RecordChecker,
): Violation[] {
  const found = new Map<string, Violation>();
  for (const [at, row] of rows.entries()) {
    const differences = check(JSON.parse(row));
    // A list of a hundred wrong members is one violation of one record.
    const inRow = new Map(
      differences.map(({ path, expected }) => {
        const place = path.replaceAll(/\[\d+\]/g, '[]');
        return [`${place}\n${expected}`, { path: place, message: expected }];
      }),
    );
    for (const [key, { path, message }] of inRow) {
      const before = found.get(key) ?? { model, path, message, records: 0, exampleId: ids[at] ?? '' };
      found.set(key, { ...before, records: before.records + 1 });
    }
  }
  return [...found.values()];
}

/** `record 'a' does not fit model 'Task': at 'title' it must be string` */
export function violationText({ model, path, message, exampleId }: Violation): string {
  const place = path === '' ? 'itself' : `at '${path}'`;
  return `record '${exampleId}' does not fit model '${model}': ${place} it ${message}`;
}

/** Answers what of the violations of a batch the log has not been told of in this pass. */
export function openTelling(): (violations: readonly Violation[]) => readonly string[] {
  const told = new Set<string>();
  const keyOf = ({ model, path, message }: Violation) => JSON.stringify([model, path, message]);
  return (violations) => {
    const news = violations.filter((one) => !told.has(keyOf(one)) && told.size < MOST_TOLD);
    for (const one of news) told.add(keyOf(one));
    return news.map(violationText);
  };
}
