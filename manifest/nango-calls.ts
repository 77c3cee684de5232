import { bare, childOf, childrenOf, keyOf, nameOf, type SyntaxNode } from './syntax.ts';

/** A call of a member of the `nango` object. */
export type NangoCall = {
  readonly member: string;
  readonly node: SyntaxNode;
  /** From the program down to the call's own parent. */
  readonly parents: readonly SyntaxNode[];
};

/** Notes a mistake, or a warning, at an offset of the text. */
export type Report = (offset: number, message: string, code: string) => void;

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
/** The functions of a definition that are given `nango`. */
const GIVEN_NANGO = ['exec', 'onWebhook'];

export type CallFinder = {
  /** To be shown every node of a script, parents first. */
  readonly visit: (node: SyntaxNode, parents: readonly SyntaxNode[]) => void;
  /** All calls of `nango.<member>(…)` among them in the order of the file, whatever the script calls its `nango`. */
  readonly calls: () => readonly NangoCall[];
};

/** A finder for one script. */
export function createCallFinder(): CallFinder {
  const names = new Set(['nango']);
  const calls: { readonly object: SyntaxNode; readonly call: NangoCall }[] = [];
  const visit: CallFinder['visit'] = (node, parents) => {
    if (FUNCTIONS.has(node.type)) {
      const [first] = childrenOf(node, 'params');
      const name = nameOf(first);
      if (name !== undefined && first !== undefined && isGivenNango(node, first, parents)) names.add(name);
    }
    if (node.type !== 'CallExpression') return;
    const callee = bare(childOf(node, 'callee'));
    const object = callee?.type === 'MemberExpression' ? bare(childOf(callee, 'object')) : undefined;
    const member = callee === undefined ? undefined : nameOf(childOf(callee, 'property'));
    if (object?.type !== 'Identifier' || member === undefined) return;
    if (callee?.['computed'] === true && childOf(callee, 'property')?.type !== 'Literal') return;
    calls.push({ object, call: { member, node, parents: [...parents] } });
  };
  const isNango = ({ object }: { readonly object: SyntaxNode }) => names.has(nameOf(object) ?? '');
  return { visit, calls: () => calls.filter(isNango).map(({ call }) => call) };
}

/**
 * The nearest function around a node that has a name, and so may be called from anywhere; one written in place, as an
 * argument or in an object, runs where it stands. Undefined at the top of the file.
 */
export function namedFunctionAround(parents: readonly SyntaxNode[]): SyntaxNode | undefined {
  return parents.findLast((node, index) => {
    if (!FUNCTIONS.has(node.type)) return false;
    const parent = parents[index - 1]?.type ?? '';
    return node.type === 'FunctionDeclaration' || parent === 'VariableDeclarator' || parent === 'AssignmentExpression';
  });
}

function isGivenNango(node: SyntaxNode, parameter: SyntaxNode, parents: readonly SyntaxNode[]): boolean {
  const parent = parents.at(-1);
  if (parent?.type === 'ExportDefaultDeclaration') return true;
  if (parent?.type === 'Property' && GIVEN_NANGO.includes(keyOf(parent) ?? '')) return true;
  const type = childOf(childOf(parameter, 'typeAnnotation'), 'typeAnnotation');
  const typeName = nameOf(childOf(type, 'typeName'));
  return /^Nango(Sync|Action)/.test(typeName ?? '') && node !== undefined;
}
