import {
  childOf,
  childrenOf,
  identifierOf,
  isFunction,
  literalText,
  propertyName,
  type ScriptTree,
  type SyntaxNode,
  TYPE_WRAPPERS,
  walk,
  withoutTypes,
} from './script-tree.ts';

/** One call of a method of the `nango` object. */
export type NangoCall = {
  readonly method: string;
  readonly node: SyntaxNode;
  readonly arguments: readonly SyntaxNode[];
  /** Where the outermost function around the call begins: only calls of one function follow each other surely. */
  readonly unit: number;
  /** What becomes of the promise: somebody waits for it, it is dropped, or a variable of this name holds it. */
  readonly promise: 'kept' | 'dropped' | { readonly variable: string };
};

export type ScriptCalls = {
  readonly calls: readonly NangoCall[];
  /** Object literals, each with whether it is handed to a call of `nango` as it stands. */
  readonly objects: readonly { readonly node: SyntaxNode; readonly isConfiguration: boolean }[];
  /** Calls of anything that is a plain name, and `import('x')`. */
  readonly loads: readonly SyntaxNode[];
  /** Texts and property names: how a script can name a model. */
  readonly words: ReadonlySet<string>;
};

const RECEIVER_TYPES = /^Nango(Sync|Action)/;
const ENTRIES = new Set(['exec', 'onWebhook', 'fetchData', 'runAction', 'onEvent', 'onWebhookPayloadReceived']);

/** Everything the rules look at, in the order of the text, in one pass over the tree. */
export function collectCalls({ program }: ScriptTree): ScriptCalls {
  const receivers = new Set(['nango']);
  const calls: NangoCall[] = [];
  const objects: { node: SyntaxNode; isConfiguration: boolean }[] = [];
  const loads: SyntaxNode[] = [];
  const words = new Set<string>();
  walk(program, (node, ancestors) => {
    const parent = ancestors.at(-1);
    if (isFunction(node)) for (const name of receiversOf(node, parent)) receivers.add(name);
    if (node.type === 'ImportExpression') loads.push(node);
    const word = literalText(node) ?? (node.type === 'Property' ? propertyName(node, 'key') : undefined);
    if (word !== undefined) words.add(word);
    if (node.type === 'ObjectExpression')
      objects.push({ node, isConfiguration: parent !== undefined && methodOf(parent, receivers) !== undefined });
    if (node.type !== 'CallExpression') return;
    if (identifierOf(childOf(node, 'callee')) !== undefined) loads.push(node);
    const method = methodOf(node, receivers);
    if (method === undefined) return;
    const unit = ancestors.find(isFunction)?.start ?? -1;
    calls.push({ method, node, arguments: childrenOf(node, 'arguments'), unit, promise: fateOf(node, ancestors) });
  });
  return { calls, objects, loads, words };
}

/** The names of variables that somebody waits for, hands on or returns, of those asked for. */
export function keptVariables({ program }: ScriptTree, names: ReadonlySet<string>): ReadonlySet<string> {
  const kept = new Set<string>();
  walk(program, (node, ancestors) => {
    const name = identifierOf(node);
    if (name !== undefined && names.has(name) && fateOf(node, ancestors) === 'kept') kept.add(name);
  });
  return kept;
}

/** Names under which a function is given the `nango` object. */
function receiversOf(node: SyntaxNode, parent: SyntaxNode | undefined): string[] {
  const params = childrenOf(node, 'params');
  const typed = params.filter((param) => RECEIVER_TYPES.test(typeName(param) ?? '')).map(identifierOf);
  const isEntry =
    parent?.type === 'ExportDefaultDeclaration' ||
    ENTRIES.has(identifierOf(childOf(node, 'id')) ?? '') ||
    (parent?.type === 'Property' && ENTRIES.has(propertyName(parent, 'key') ?? ''));
  return [...typed, ...(isEntry ? [identifierOf(params[0])] : [])].filter((name) => name !== undefined);
}

function typeName(param: SyntaxNode): string | undefined {
  const annotation = childOf(param, 'typeAnnotation');
  const type = annotation === undefined ? undefined : childOf(annotation, 'typeAnnotation');
  return type === undefined ? undefined : identifierOf(childOf(type, 'typeName'));
}

function methodOf(call: SyntaxNode, receivers: ReadonlySet<string>): string | undefined {
  if (call.type !== 'CallExpression') return undefined;
  const callee = withoutTypes(childOf(call, 'callee'));
  if (callee?.type !== 'MemberExpression') return undefined;
  const receiver = identifierOf(withoutTypes(childOf(callee, 'object')));
  return receiver !== undefined && receivers.has(receiver) ? propertyName(callee, 'property') : undefined;
}

/** Follows a promise outwards to the place that keeps or drops it. */
function fateOf(node: SyntaxNode, ancestors: readonly SyntaxNode[]): NangoCall['promise'] {
  let child = node;
  for (let index = ancestors.length - 1; index >= 0; index -= 1) {
    const parent = ancestors[index];
    if (parent === undefined) return 'kept';
    if (isFunction(parent)) return childOf(parent, 'body') === child ? 'kept' : 'dropped';
    const step = stepOf(parent, child);
    if (step !== 'outwards') return step;
    child = parent;
  }
  return 'dropped';
}

function stepOf(parent: SyntaxNode, child: SyntaxNode): NangoCall['promise'] | 'outwards' {
  if (TYPE_WRAPPERS.has(parent.type)) return 'outwards';
  switch (parent.type) {
    case 'AwaitExpression':
    case 'YieldExpression':
    case 'ReturnStatement':
    case 'ArrayExpression':
    case 'Property':
    case 'NewExpression':
    case 'PropertyDefinition':
      return 'kept';
    case 'ChainExpression':
    case 'LogicalExpression':
      return 'outwards';
    case 'ConditionalExpression':
      return childOf(parent, 'test') === child ? 'dropped' : 'outwards';
    case 'SequenceExpression':
      return childrenOf(parent, 'expressions').at(-1) === child ? 'outwards' : 'dropped';
    case 'MemberExpression':
      return /^(then|catch|finally)$/.test(propertyName(parent, 'property') ?? '') ? 'outwards' : 'dropped';
    case 'CallExpression':
      // As an argument it is somebody else's; `promise.then(…)` is a promise again.
      return childOf(parent, 'callee') === child ? 'outwards' : 'kept';
    case 'VariableDeclarator':
      return childOf(parent, 'init') === child ? variableOf(childOf(parent, 'id')) : 'dropped';
    case 'AssignmentExpression':
      if (childOf(parent, 'right') !== child) return 'dropped';
      return childOf(parent, 'left')?.type === 'MemberExpression' ? 'kept' : variableOf(childOf(parent, 'left'));
    default:
      return 'dropped';
  }
}

function variableOf(target: SyntaxNode | undefined): NangoCall['promise'] {
  const variable = identifierOf(target);
  return variable === undefined ? 'dropped' : { variable };
}
