import type { NangoCall } from './script-calls.ts';
import { literalText, type ScriptTree } from './script-tree.ts';
import type { Report } from './script-finding.ts';

const BATCHES = new Set(['batchSave', 'batchSend', 'batchDelete', 'batchUpdate']);
const FETCHES = new Set(['get', 'post', 'put', 'patch', 'delete', 'proxy', 'paginate']);

/**
 * Calls that only mean something before or after others. Order is that of the text within one function; between
 * functions nothing is known and nothing is said.
 */
export function checkOrder(tree: ScriptTree, calls: readonly NangoCall[], report: Report): void {
  const named = calls.map((call) => ({ ...call, model: modelOf(tree, call) }));
  checkMergingStrategy(named, report);
  checkTrackDeletes(named, report);
  checkPreviousExecutions(named, report);
}

type NamedCall = NangoCall & { readonly model: string };

/** The model a call names: its text, or the source text of what is in its place. */
function modelOf({ text }: ScriptTree, { method, arguments: given }: NangoCall): string {
  const argument = given[BATCHES.has(method) || method === 'setMergingStrategy' ? 1 : 0];
  return literalText(argument) ?? (argument === undefined ? '' : text.slice(argument.start, argument.end));
}

function checkMergingStrategy(calls: readonly NamedCall[], report: Report): void {
  for (const call of calls.filter(({ method }) => method === 'setMergingStrategy')) {
    const first = calls.find(
      (other) => (FETCHES.has(other.method) || BATCHES.has(other.method)) && isBefore(other, call),
    );
    if (first === undefined) continue;
    const message = `'nango.setMergingStrategy' comes after 'nango.${first.method}': expected it before anything is fetched or saved`;
    report(call.node, 'merging_strategy_too_late', message);
  }
}

function checkTrackDeletes(calls: readonly NamedCall[], report: Report): void {
  const tracking = calls.filter(({ method }) => method === 'trackDeletesStart' || method === 'trackDeletesEnd');
  for (const [model, own] of Map.groupBy(tracking, (call) => call.model)) {
    const starts = own.filter(({ method }) => method === 'trackDeletesStart');
    const ends = own.filter(({ method }) => method === 'trackDeletesEnd');
    for (const call of [...starts.slice(1), ...ends.slice(1)])
      report(
        call.node,
        'track_deletes_unpaired',
        `'nango.${call.method}' for '${model}' is there again: expected once`,
      );
    for (const [lonely, missing] of [
      [starts[0], ends[0] ?? 'trackDeletesEnd'],
      [ends[0], starts[0] ?? 'trackDeletesStart'],
    ] as const)
      if (lonely !== undefined && typeof missing === 'string')
        report(
          lonely.node,
          'track_deletes_unpaired',
          `'nango.${lonely.method}' for '${model}' has no 'nango.${missing}': expected both`,
        );
    const batches = calls.filter((call) => BATCHES.has(call.method) && call.model === model);
    checkTrackingOrder(starts[0], ends[0], batches, report);
  }
}

function checkTrackingOrder(
  start: NamedCall | undefined,
  end: NamedCall | undefined,
  batches: readonly NamedCall[],
  report: Report,
): void {
  const code = 'track_deletes_out_of_order';
  if (start !== undefined && end !== undefined && isBefore(end, start))
    report(end.node, code, `'nango.trackDeletesEnd' for '${end.model}' comes before its start: expected it after`);
  const early = start === undefined ? undefined : batches.find((batch) => isBefore(batch, start));
  if (start !== undefined && early !== undefined)
    report(
      start.node,
      code,
      `'nango.trackDeletesStart' for '${start.model}' comes after 'nango.${early.method}': expected it before`,
    );
  const late = end === undefined ? undefined : batches.find((batch) => isBefore(end, batch));
  if (end !== undefined && late !== undefined)
    report(
      end.node,
      code,
      `'nango.trackDeletesEnd' for '${end.model}' comes before 'nango.${late.method}': expected it after`,
    );
}

function checkPreviousExecutions(calls: readonly NamedCall[], report: Report): void {
  const method = 'deleteRecordsFromPreviousExecutions';
  const deleting = calls.filter((call) => call.method === method);
  for (const [model, [first, ...again]] of Map.groupBy(deleting, (call) => call.model)) {
    for (const { node } of again)
      report(node, 'delete_records_out_of_order', `'nango.${method}' for '${model}' is there again: expected once`);
    const late = calls.find(
      (call) => BATCHES.has(call.method) && call.model === model && first !== undefined && isBefore(first, call),
    );
    if (first !== undefined && late !== undefined)
      report(
        first.node,
        'delete_records_out_of_order',
        `'nango.${method}' for '${model}' comes before 'nango.${late.method}': expected it after`,
      );
  }
}

function isBefore(a: NangoCall, b: NangoCall): boolean {
  return a.unit === b.unit && a.node.start < b.node.start;
}
