/** Calls that find deletions or choose how to merge stand in one order; in another they would delete what is there. */
import { type NangoCall, namedFunctionAround, type Report } from './nango-calls.ts';
import { bare, childrenOf, nameOf } from './syntax.ts';

const BATCHES = ['batchSave', 'batchSend', 'batchDelete', 'batchUpdate'];
const FETCHES = ['get', 'post', 'put', 'patch', 'delete', 'proxy', 'paginate'];

export function checkDeletions(calls: readonly NangoCall[], report: Report): void {
  checkMerging(calls, report);
  checkPrevious(calls, report);
  const tracked = calls.filter(({ member }) => member === 'trackDeletesStart' || member === 'trackDeletesEnd');
  const models = new Set(tracked.map(modelOf));
  // A computed name may be any model: nothing can be said.
  if (models.has(undefined)) return;
  for (const model of models) checkTracking(calls, tracked, model ?? '', report);
}

function checkMerging(calls: readonly NangoCall[], report: Report): void {
  for (const call of calls.filter(({ member }) => member === 'setMergingStrategy')) {
    const early = calls.find((other) => [...BATCHES, ...FETCHES].includes(other.member) && comesBefore(other, call));
    if (early === undefined) continue;
    const message = `nango.setMergingStrategy comes after nango.${early.member}: expected before anything is fetched or saved`;
    report(call.node.start, message, 'merging_strategy_out_of_order');
  }
}

function checkPrevious(calls: readonly NangoCall[], report: Report): void {
  const [first, second] = calls.filter(({ member }) => member === 'deleteRecordsFromPreviousExecutions');
  if (first === undefined) return;
  const name = 'nango.deleteRecordsFromPreviousExecutions';
  if (second !== undefined && modelOf(first) === modelOf(second))
    report(second.node.start, `${name} is called twice: expected once, at the end`, 'deletion_out_of_order');
  const late = calls.find(
    (other) => BATCHES.includes(other.member) && isSameModel(other, first) && comesBefore(first, other),
  );
  if (late !== undefined)
    report(
      first.node.start,
      `${name} comes before nango.${late.member}: expected after the last of them, or it deletes what is saved next`,
      'deletion_out_of_order',
    );
}

function checkTracking(
  calls: readonly NangoCall[],
  tracked: readonly NangoCall[],
  model: string,
  report: Report,
): void {
  const of = (member: string) => tracked.filter((call) => call.member === member && modelOf(call) === model);
  const [starts, ends] = [of('trackDeletesStart'), of('trackDeletesEnd')];
  const [start, secondStart] = starts;
  const [end, secondEnd] = ends;
  const at = (call: NangoCall, message: string) => report(call.node.start, message, 'deletion_out_of_order');
  for (const second of [secondStart, secondEnd])
    if (second !== undefined) at(second, `nango.${second.member}('${model}') is called twice: expected once`);
  if (start === undefined && end !== undefined)
    at(end, `nango.trackDeletesEnd('${model}') has no trackDeletesStart: expected one before the first save`);
  if (end === undefined && start !== undefined)
    at(start, `nango.trackDeletesStart('${model}') has no trackDeletesEnd: expected one after the last save`);
  if (start === undefined || end === undefined) return;
  if (comesBefore(end, start))
    return at(end, `nango.trackDeletesEnd('${model}') comes before trackDeletesStart: expected after it`);
  for (const batch of calls.filter((call) => BATCHES.includes(call.member) && modelOf(call) === model)) {
    if (comesBefore(batch, start))
      at(
        start,
        `nango.trackDeletesStart('${model}') comes after nango.${batch.member}: expected before the first save`,
      );
    if (comesBefore(end, batch))
      at(
        end,
        `nango.trackDeletesEnd('${model}') comes before nango.${batch.member}: expected after the last save, or it deletes what is saved next`,
      );
  }
}

/** In the text and in time: a function that stands above may be called below, so only calls of one function compare. */
function comesBefore(first: NangoCall, second: NangoCall): boolean {
  const isOne = namedFunctionAround(first.parents) === namedFunctionAround(second.parents);
  return isOne && first.node.start < second.node.start;
}

function isSameModel(one: NangoCall, other: NangoCall): boolean {
  const [a, b] = [modelOf(one), modelOf(other)];
  return a === undefined || b === undefined || a === b;
}

/** The model a call names in place. */
function modelOf({ member, node }: NangoCall): string | undefined {
  const argument = bare(childrenOf(node, 'arguments')[BATCHES.includes(member) ? 1 : 0]);
  return argument?.type === 'Literal' ? nameOf(argument) : undefined;
}
