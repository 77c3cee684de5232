import { checkExports } from './export-rules.ts';
import { checkImports } from './import-rules.ts';
import { checkOrder } from './order-rules.ts';
import { collectCalls, keptVariables, type NangoCall, type ScriptCalls } from './script-calls.ts';
import type { Report, ScriptFinding, ScriptToCheck } from './script-finding.ts';
import { childOf, childrenOf, literalText, propertyName, readScript, type ScriptTree } from './script-tree.ts';

/**
 * Checks a script by its text alone (facts: section 1.4): what types cannot see. Everything found comes at once, in the
 * order of the text; in a text that is no TypeScript only that. Never throws.
 */
export function checkScript(script: ScriptToCheck): readonly ScriptFinding[] {
  const { tree, faults } = readScript(script.file, script.text);
  if (tree === undefined) return faults.map((fault) => ({ code: 'syntax_error', severity: 'error', ...fault }));
  const findings: ScriptFinding[] = [];
  const reporter =
    (severity: 'error' | 'warning'): Report =>
    ({ start }, code, message) =>
      findings.push({ code, message, severity, ...tree.positionOf(start) });
  const report = reporter('error');
  const found = collectCalls(tree);
  checkImports(tree, found.loads, script.packages ?? [], report);
  checkAwaits(tree, found, report, reporter('warning'));
  checkRetries(found, report);
  checkOrder(tree, found.calls, report);
  if (script.kind === 'action' || script.kind === 'on-event') checkActionCalls(found.calls, report);
  if (script.kind !== 'module') checkExports(tree, script, report);
  if (script.kind === 'sync') checkSavedModels(tree, script.models ?? [], found, reporter('warning'));
  return findings.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

const AWAITED: ReadonlySet<string> = new Set([
  ...['get', 'post', 'put', 'patch', 'delete', 'proxy', 'log', 'batchSave', 'batchSend', 'batchDelete'],
  ...['getConnection', 'getMetadata', 'setMetadata', 'getFieldMapping', 'setFieldMapping', 'getEnvironmentVariables'],
  ...['setMergingStrategy', 'trackDeletesStart', 'trackDeletesEnd', 'deleteRecordsFromPreviousExecutions'],
  'triggerAction',
]);
// The incumbent lets these pass, so they are a warning; what they were to do is lost all the same.
const BETTER_AWAITED: ReadonlySet<string> = new Set([
  ...['batchUpdate', 'updateMetadata', 'saveCheckpoint', 'clearCheckpoint', 'triggerSync', 'startSync'],
]);

function checkAwaits(tree: ScriptTree, { calls }: ScriptCalls, report: Report, warn: Report): void {
  const watched = calls.filter(({ method }) => AWAITED.has(method) || BETTER_AWAITED.has(method));
  const held = watched.flatMap(({ promise }) => (typeof promise === 'object' ? [promise.variable] : []));
  const kept = held.length === 0 ? new Set<string>() : keptVariables(tree, new Set(held));
  for (const { method, node, promise } of watched) {
    const isKept = typeof promise === 'object' ? kept.has(promise.variable) : promise === 'kept';
    if (isKept) continue;
    const message = `nobody waits for 'nango.${method}': expected 'await nango.${method}(…)', or the promise is lost when the script ends`;
    (AWAITED.has(method) ? report : warn)(node, 'method_need_await', message);
  }
}

function checkRetries({ objects }: ScriptCalls, report: Report): void {
  for (const { node, isConfiguration } of objects) {
    const properties = childrenOf(node, 'properties');
    const names = properties.map((property) => propertyName(property, 'key'));
    const retryOn = properties[names.indexOf('retryOn')];
    if (retryOn === undefined || names.includes('retries')) continue;
    // A spread may bring the retries along.
    if (properties.some((property) => property.type === 'SpreadElement')) continue;
    if (isConfiguration || names.includes('endpoint'))
      report(
        retryOn,
        'retryon_need_retries',
        "'retryOn' stands alone: expected 'retries' beside it, which is 0 otherwise",
      );
  }
}

const NOT_IN_ACTIONS = new Set(['batchSave', 'batchSend', 'batchDelete', 'batchUpdate', 'listRecords']);

function checkActionCalls(calls: readonly NangoCall[], report: Report): void {
  for (const { method, node } of calls) {
    if (!NOT_IN_ACTIONS.has(method)) continue;
    const message = `'nango.${method}' in an action: expected it in a sync, since only syncs have records`;
    report(node, 'method_not_in_actions', message);
  }
}

const SAVES = new Set(['batchSave', 'batchSend', 'batchUpdate', 'batchDelete']);

/** Only where the script could not name the model in any other way. */
function checkSavedModels(tree: ScriptTree, models: readonly string[], found: ScriptCalls, warn: Report): void {
  const saves = found.calls.filter(({ method }) => SAVES.has(method));
  const isComputed = saves.some((call) => literalText(call.arguments[1]) === undefined);
  const importsOwn = childrenOf(tree.program, 'body').some(
    (node) =>
      node.type === 'ImportDeclaration' &&
      node['importKind'] !== 'type' &&
      childrenOf(node, 'specifiers').some((one) => one['importKind'] !== 'type') &&
      /^\.{1,2}\/(?!.*\bmodels(\.js|\.ts)?$)/.test(literalText(childOf(node, 'source')) ?? ''),
  );
  if (isComputed || importsOwn) return;
  for (const model of models.filter((name) => !found.words.has(name)))
    warn(
      tree.program,
      'model_never_saved',
      `model '${model}' is declared and never saved: expected nango.batchSave(rows, '${model}')`,
    );
}
