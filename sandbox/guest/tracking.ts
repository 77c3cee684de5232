/**
 * `trackDeletesStart`, `trackDeletesEnd` and `deleteRecordsFromPreviousExecutions`. Their order is checked at run time,
 * since what is saved before the start or after the end would be taken for gone.
 */
import { hostCall } from './calls.ts';
import { checkedModel, invalidCall, type RecordRules } from './record-rules.ts';

type Deleted = { readonly deletedKeys: readonly string[] };

const started = new Set<string>();
const saved = new Set<string>();
/** By model, the call that ended its tracking. */
const ended = new Map<string, string>();

/** The members of a sync's `nango` that find deletions by comparison. */
export function tracking(rules: RecordRules) {
  return {
    trackDeletesStart: (model: unknown) => start(rules, model),
    trackDeletesEnd: (model: unknown) => endOfTracking(rules, model),
    deleteRecordsFromPreviousExecutions: (model: unknown) => deleteFromPrevious(rules, model),
  };
}

/** Every save goes through here; one behind the end of its model's tracking is refused. */
export function noteSave(rules: RecordRules, method: string, model: string): void {
  const end = ended.get(model);
  if (end !== undefined) {
    throw invalidCall(rules, method, `nothing of '${model}' can be saved any more, ${end} has looked for what is gone`);
  }
  saved.add(model);
}

async function start(rules: RecordRules, given: unknown): Promise<void> {
  const model = checkedModel(rules, 'trackDeletesStart', given);
  if (started.has(model)) throw invalidCall(rules, 'trackDeletesStart', `one call for '${model}' is expected`);
  if (saved.has(model)) {
    throw invalidCall(rules, 'trackDeletesStart', `it must come before the first save of '${model}'`);
  }
  started.add(model);
  await hostCall('startTracking', { model });
}

async function endOfTracking(rules: RecordRules, given: unknown): Promise<Deleted> {
  const model = checkedModel(rules, 'trackDeletesEnd', given);
  if (!started.has(model)) {
    throw invalidCall(rules, 'trackDeletesEnd', `trackDeletesStart('${model}') is expected before it`);
  }
  return deleteUnseen(rules, 'trackDeletesEnd', model, 'tracking');
}

async function deleteFromPrevious(rules: RecordRules, given: unknown): Promise<Deleted> {
  const model = checkedModel(rules, 'deleteRecordsFromPreviousExecutions', given);
  return deleteUnseen(rules, 'deleteRecordsFromPreviousExecutions', model, 'run');
}

async function deleteUnseen(
  rules: RecordRules,
  method: string,
  model: string,
  since: 'tracking' | 'run',
): Promise<Deleted> {
  if (ended.has(model)) throw invalidCall(rules, method, `one call for '${model}' is expected`);
  ended.set(model, method);
  return (await hostCall('deleteUnseen', { model, since })).value as Deleted;
}
