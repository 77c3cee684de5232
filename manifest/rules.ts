/** Static rules of scripts (facts: section 1.4): what a run would only show later, or never. */
import { type DefinitionPlaces, definitionPlaces, NO_PLACES } from './definition-source.ts';
import type { Mistake } from './manifest.ts';
import { checkDeletions } from './rules-deletions.ts';
import { createCallFinder, type NangoCall, type Report } from './nango-calls.ts';
import { bare, childOf, childrenOf, keyOf, nameOf, parseScript, type SyntaxNode, walk } from './syntax.ts';

export type ScriptRules = {
  /** Relative to the project's folder. */
  readonly file: string;
  readonly text: string;
  /** Undefined for a file that scripts import. */
  readonly kind: 'sync' | 'action' | 'on-event' | undefined;
  /** Scripts of v1 projects were written before the rules were: what does no harm there is only warned of. */
  readonly version: 'v1' | 'v2' | 'zero-yaml';
};
export type Judgement = {
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly Mistake[];
  /**
   * The texts in the file that could name a model: string literals, and the keys of objects that are returned. A sync in
   * none of whose files its model's name occurs can neither save nor return it.
   */
  readonly texts: readonly string[];
  /** Of a script: where it says what. Undefined for a file that scripts import. */
  readonly places?: DefinitionPlaces | undefined;
};

/** Calls whose answer matters, or whose failure would be lost with the promise. */
const AWAITED = new Set([
  ...['get', 'post', 'put', 'patch', 'delete', 'proxy', 'batchSave', 'batchSend', 'batchDelete', 'batchUpdate'],
  ...['getConnection', 'getMetadata', 'setMetadata', 'updateMetadata', 'getFieldMapping', 'setFieldMapping'],
  ...['getToken', 'getIntegration', 'getEnvironmentVariables', 'getRecordsByIds', 'setMergingStrategy'],
  ...['trackDeletesStart', 'trackDeletesEnd', 'deleteRecordsFromPreviousExecutions', 'getCheckpoint', 'saveCheckpoint'],
  ...[
    'clearCheckpoint',
    'triggerAction',
    'triggerSync',
    'startSync',
    'tryAcquireLock',
    'releaseLock',
    'releaseAllLocks',
  ],
  ...['uncontrolledFetch', 'zodValidateInput', 'log'],
]);
const MODEL_NAME = /^\w{1,100}$/;
const SYNC_ONLY = new Set(['batchSave', 'batchSend', 'batchDelete', 'batchUpdate', 'listRecords', 'getRecordsByIds']);

/** Judges one file, in one look at its tree. A file that does not parse has no mistakes here: the bundler reports it. */
export function checkRules(script: ScriptRules): Judgement {
  const parsed = parseScript(script.file, script.text);
  const isScript = script.kind !== undefined;
  if (parsed === undefined) return { mistakes: [], warnings: [], texts: [], ...(isScript && { places: NO_PLACES }) };
  const mistakes: Mistake[] = [];
  const warnings: Mistake[] = [];
  const into =
    (list: Mistake[]): Report =>
    (offset, message, code) => {
      list.push({ file: script.file, ...parsed.positionOf(offset), message, code });
    };
  const report = into(mistakes);
  const finder = createCallFinder();
  const texts = new Set<string>();
  walk(parsed.program, (node, parents) => {
    finder.visit(node, parents);
    addText(node, parents, texts);
    checkConsole(node, into(warnings));
  });
  const calls = finder.calls();
  for (const call of calls) {
    checkAwait(call, call.member === 'log' && script.version === 'v1' ? into(warnings) : report);
    checkRetries(call, script.version === 'v1' ? into(warnings) : report);
    if (script.kind === 'action' || script.kind === 'on-event') checkKind(call, script.kind, report);
  }
  checkDeletions(calls, report);
  const places = isScript ? definitionPlaces(parsed) : undefined;
  if (places !== undefined) checkCreator(places, script.file, mistakes);
  return { mistakes, warnings, texts: [...texts].filter((text) => MODEL_NAME.test(text)), ...(places && { places }) };
}

function addText(node: SyntaxNode, parents: readonly SyntaxNode[], found: Set<string>): void {
  if (node.type === 'Literal' && typeof node['value'] === 'string') found.add(node['value']);
  if (node.type === 'TemplateElement') found.add(String((node['value'] as { cooked?: string }).cooked));
  if (node.type === 'Property' && parents.some(({ type }) => type === 'ReturnStatement')) found.add(keyOf(node) ?? '');
}

/** A promise is looked after when it is awaited, returned, passed on, kept or chained; a bare statement drops it. */
function checkAwait({ member, node, parents }: NangoCall, report: Report): void {
  if (!AWAITED.has(member) || !isDropped(node, parents)) return;
  const lost = member === 'log' ? 'its line may be lost' : 'its failure and its answer are lost';
  report(
    node.start,
    `nango.${member} is not awaited, so ${lost}: expected 'await nango.${member}(…)'`,
    'method_need_await',
  );
}

function isDropped(node: SyntaxNode, parents: readonly SyntaxNode[]): boolean {
  let inner = node;
  for (const parent of parents.toReversed()) {
    switch (parent.type) {
      case 'ExpressionStatement':
        return true;
      case 'ParenthesizedExpression':
      case 'ChainExpression':
      case 'TSAsExpression':
      case 'TSNonNullExpression':
      case 'TSSatisfiesExpression':
        inner = parent;
        continue;
      case 'UnaryExpression':
        // `void nango.log(…)` says that it is meant.
        return false;
      case 'ConditionalExpression':
      case 'LogicalExpression':
        if (childOf(parent, 'test') === inner || childOf(parent, 'left') === inner) return true;
        inner = parent;
        continue;
      case 'SequenceExpression':
        if (childrenOf(parent, 'expressions').at(-1) !== inner) return true;
        inner = parent;
        continue;
      // `nango.get(…).data` reads a member of the promise.
      case 'MemberExpression':
        return childOf(parent, 'object') === inner && !['then', 'catch', 'finally'].includes(memberName(parent));
      default:
        return false;
    }
  }
  return false;
}

function memberName(node: SyntaxNode): string {
  return nameOf(childOf(node, 'property')) ?? '';
}

function checkRetries({ member, node }: NangoCall, report: Report): void {
  if (!['get', 'post', 'put', 'patch', 'delete', 'proxy', 'paginate'].includes(member)) return;
  const config = bare(childrenOf(node, 'arguments')[0]);
  const properties = childrenOf(config, 'properties');
  // What is spread in may bring the other one.
  if (properties.some((property) => property.type === 'SpreadElement')) return;
  const retryOn = properties.find((property) => keyOf(property) === 'retryOn');
  if (retryOn === undefined || properties.some((property) => keyOf(property) === 'retries')) return;
  const value = bare(childOf(retryOn, 'value'));
  if (value?.type === 'Literal' && value['value'] === null) return;
  report(
    retryOn.start,
    "retryOn without retries has no effect: expected 'retries' beside it, for example 'retries: 3'",
    'retryon_need_retries',
  );
}

function checkKind({ member, node }: NangoCall, kind: string, report: Report): void {
  if (!SYNC_ONLY.has(member)) return;
  const message = `nango.${member} is of syncs: an ${kind === 'action' ? 'action' : 'on-event script'} has no records; answer the data instead`;
  report(node.start, message, 'forbidden_in_action');
}

function checkConsole(node: SyntaxNode, warn: Report): void {
  const callee = node.type === 'CallExpression' ? childOf(node, 'callee') : undefined;
  if (callee?.type !== 'MemberExpression' || nameOf(childOf(callee, 'object')) !== 'console') return;
  const message = `console.${memberName(callee)} writes to the log of the run here and nowhere else: expected nango.log`;
  warn(node.start, message, 'console_used');
}

function checkCreator({ creator, place }: DefinitionPlaces, file: string, mistakes: Mistake[]): void {
  if (creator !== 'createFunction') return;
  const message =
    "createFunction of 'nango/experimental' does not exist here: expected createSync, createAction or createOnEvent";
  mistakes.push({ file, ...place, message, code: 'nango_unsupported_export' });
}
