import { parseSync, visitorKeys } from 'oxc-parser';
import type { Position } from './manifest.ts';

/** A node of the syntax tree (ESTree with TypeScript); what a node has besides depends on its type. */
export type SyntaxNode = {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
};

/** A script that was read. */
export type ScriptTree = {
  readonly text: string;
  readonly program: SyntaxNode;
  readonly positionOf: (offset: number) => Position;
};
export type SyntaxFault = Position & { readonly message: string };

// Generated files are smaller. Nesting is counted before the parser sees it: its own stack ends at some tens of thousands.
const MAX_CHARACTERS = 2_000_000;
const MAX_NESTING = 1_000;
const MAX_FAULTS = 20;

/** Reads a TypeScript file, or says what is no TypeScript in it. Never throws. */
export function readScript(file: string, text: string): { readonly tree?: ScriptTree; readonly faults: SyntaxFault[] } {
  const positionOf = createPositions(text);
  if (text.length > MAX_CHARACTERS)
    return { faults: [{ ...positionOf(0), message: `the file has ${text.length} characters: expected a script` }] };
  const deep = deepestPlace(text);
  if (deep !== undefined)
    return { faults: [{ ...positionOf(deep), message: `nested too deeply: expected at most ${MAX_NESTING} levels` }] };
  const { program, errors } = parseSync(file, text, { lang: 'ts', sourceType: 'module', preserveParens: false });
  const faults = errors
    .filter((error) => error.severity === 'Error')
    .slice(0, MAX_FAULTS)
    .map(({ message, labels }) => ({ ...positionOf(labels[0]?.start ?? 0), message }));
  return faults.length > 0
    ? { faults }
    : { faults, tree: { text, program: program as unknown as SyntaxNode, positionOf } };
}

/** Calls `enter` for each node, outer ones first. `ancestors` (outermost first) is valid during the call only. */
export function walk(program: SyntaxNode, enter: (node: SyntaxNode, ancestors: readonly SyntaxNode[]) => void): void {
  const ancestors: SyntaxNode[] = [];
  // Not recursive: `1 + 1 + …` is as deep as it is long. `undefined` closes the node opened last.
  const open: (SyntaxNode | undefined)[] = [program];
  while (open.length > 0) {
    const node = open.pop();
    if (node === undefined) {
      ancestors.pop();
      continue;
    }
    enter(node, ancestors);
    ancestors.push(node);
    open.push(undefined);
    for (const key of (visitorKeys[node.type] ?? []).toReversed()) {
      const child = node[key];
      if (!Array.isArray(child)) {
        if (isNode(child)) open.push(child);
        continue;
      }
      for (const item of child.toReversed()) if (isNode(item)) open.push(item);
    }
  }
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value;
}

/** A child node, if there is one of that name. */
export function childOf(node: SyntaxNode, key: string): SyntaxNode | undefined {
  const child = node[key];
  return isNode(child) ? child : undefined;
}

/** The child nodes of a list; holes are left out. */
export function childrenOf(node: SyntaxNode, key: string): readonly SyntaxNode[] {
  const list = node[key];
  return Array.isArray(list) ? list.filter(isNode) : [];
}

/** The name of an identifier. */
export function identifierOf(node: SyntaxNode | undefined): string | undefined {
  return node?.type === 'Identifier' && typeof node['name'] === 'string' ? node['name'] : undefined;
}

/** The text of a literal, also of a template without holes. */
export function literalText(node: SyntaxNode | undefined): string | undefined {
  if (node?.type === 'Literal') return typeof node['value'] === 'string' ? node['value'] : undefined;
  if (node?.type !== 'TemplateLiteral' || childrenOf(node, 'expressions').length > 0) return undefined;
  const value = childrenOf(node, 'quasis')[0]?.['value'];
  return typeof value === 'object' && value !== null && 'cooked' in value ? String(value.cooked) : undefined;
}

/** The name of a property: `a.b`, `a['b']`, `{ b: … }`. */
export function propertyName(node: SyntaxNode, key: 'property' | 'key'): string | undefined {
  const name = childOf(node, key);
  return node['computed'] === true ? literalText(name) : (identifierOf(name) ?? literalText(name));
}

/** An expression without the types around it: `x as T`, `x satisfies T`, `x!`, `<T>x`. */
export function withoutTypes(node: SyntaxNode | undefined): SyntaxNode | undefined {
  let inner = node;
  while (inner !== undefined && TYPE_WRAPPERS.has(inner.type)) inner = childOf(inner, 'expression');
  return inner;
}

export const TYPE_WRAPPERS: ReadonlySet<string> = new Set([
  'ParenthesizedExpression',
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
  'TSInstantiationExpression',
]);

export function isFunction(node: SyntaxNode | undefined): boolean {
  return node !== undefined && FUNCTIONS.has(node.type);
}

const FUNCTIONS: ReadonlySet<string> = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'TSDeclareFunction',
]);

/** Where brackets are nested deeper than anybody nests them; brackets inside texts count as well. */
function deepestPlace(text: string): number | undefined {
  let depth = 0;
  for (const { 0: bracket, index } of text.matchAll(/[([{}\])]/g)) {
    depth = '([{'.includes(bracket) ? depth + 1 : Math.max(0, depth - 1);
    if (depth > MAX_NESTING) return index;
  }
  return undefined;
}

function createPositions(text: string): (offset: number) => Position {
  let starts: number[] | undefined;
  return (offset) => {
    starts ??= [0, ...[...text.matchAll(/\r\n|[\n\r\u2028\u2029]/g)].map((match) => match.index + match[0].length)];
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}
