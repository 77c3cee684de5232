/** Author scripts as syntax trees: a real parser, since a regular expression takes comments and texts for code. */
import { parseSync } from 'oxc-parser';

/** A node of the ESTree form. `start` and `end` are offsets into the text, in UTF-16 units. */
export type SyntaxNode = { readonly type: string; readonly start: number; readonly end: number } & {
  readonly [key: string]: unknown;
};
export type ModuleImport = { readonly specifier: string; readonly start: number; readonly typeOnly: boolean };
export type ParsedScript = {
  readonly program: SyntaxNode;
  /** Static imports and re-exports in the order of the file. */
  readonly imports: readonly ModuleImport[];
  /** Line and column, from 1, of an offset. */
  readonly positionOf: (offset: number) => { readonly line: number; readonly column: number };
};

/** Parses TypeScript; undefined when it is none, which the compiler says better. */
export function parseScript(file: string, text: string): ParsedScript | undefined {
  const { program, module, errors } = parseSync(file, text);
  if (errors.length > 0) return undefined;
  const isTypeOnly = (start: number) =>
    /^(import|export)\s+type\s+([{*]|\w+\s+from)/.test(text.slice(start, start + 200));
  const imports = [
    ...module.staticImports.map((one) => {
      // `import { type A, type B }` loads nothing either, unless a value is among them.
      const onlyTypes = one.entries.length > 0 && one.entries.every((entry) => entry.isType);
      return { specifier: one.moduleRequest.value, start: one.start, typeOnly: onlyTypes || isTypeOnly(one.start) };
    }),
    ...module.staticExports.flatMap((one) =>
      one.entries.slice(0, 1).flatMap((entry) => {
        if (entry.moduleRequest === null) return [];
        return { specifier: entry.moduleRequest.value, start: one.start, typeOnly: isTypeOnly(one.start) };
      }),
    ),
  ];
  return {
    program: program as unknown as SyntaxNode,
    imports: imports.toSorted((a, b) => a.start - b.start),
    positionOf: positions(text),
  };
}

/** Visits a node and everything in it, parents first. `parents` leads from the root to the node's own parent. */
export function walk(root: SyntaxNode, visit: (node: SyntaxNode, parents: readonly SyntaxNode[]) => void): void {
  const parents: SyntaxNode[] = [];
  const enter = (node: SyntaxNode): void => {
    visit(node, parents);
    parents.push(node);
    // By key: a list of all values for each node was half of the time.
    for (const key in node) {
      const value = node[key];
      if (typeof value !== 'object' || value === null) continue;
      if (Array.isArray(value)) for (const item of value) if (isSyntaxNode(item)) enter(item);
      if (isSyntaxNode(value)) enter(value);
    }
    parents.pop();
  };
  enter(root);
}

function isSyntaxNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** A member of a node that is a node itself. */
export function childOf(node: SyntaxNode | undefined, key: string): SyntaxNode | undefined {
  const value = node?.[key];
  return isSyntaxNode(value) ? value : undefined;
}

/** The members of a node's list that are nodes. */
export function childrenOf(node: SyntaxNode | undefined, key: string): SyntaxNode[] {
  const value = node?.[key];
  return Array.isArray(value) ? value.filter(isSyntaxNode) : [];
}

/** The name of an identifier, or the text of a literal. */
export function nameOf(node: SyntaxNode | undefined): string | undefined {
  if (node?.type === 'Identifier' && typeof node['name'] === 'string') return node['name'];
  return node?.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : undefined;
}

/** The key of a property that is written out: not a computed one. */
export function keyOf(property: SyntaxNode): string | undefined {
  return property['computed'] === true ? undefined : nameOf(childOf(property, 'key'));
}

/** An expression without what types put around it: `x as T`, `x satisfies T`, `x!`, `(x)`. */
export function bare(node: SyntaxNode | undefined): SyntaxNode | undefined {
  let inner = node;
  while (inner !== undefined && WRAPPERS.has(inner.type)) inner = childOf(inner, 'expression');
  return inner;
}

const WRAPPERS = new Set(['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression', 'ParenthesizedExpression']);

function positions(text: string): ParsedScript['positionOf'] {
  let starts: number[] | undefined;
  return (offset) => {
    starts ??= [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)];
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}
