import { childOf, childrenOf, nameOf, parseScript } from './syntax.ts';

/**
 * The text without `export default` in front of its function, and that function's name. A value that is no function
 * declaration gets the name `script`.
 */
export function findDefaultFunction(text: string): { readonly text: string; readonly name: string } {
  const parsed = parseScript('script.ts', text);
  const node = childrenOf(parsed?.program, 'body').find(({ type }) => type === 'ExportDefaultDeclaration');
  const declaration = childOf(node, 'declaration');
  if (node === undefined || declaration === undefined) return { text, name: 'script' };
  const name = nameOf(childOf(declaration, 'id'));
  const head = text.slice(0, node.start);
  if (declaration.type === 'FunctionDeclaration' && name !== undefined)
    return { text: head + text.slice(declaration.start), name };
  if (declaration.type === 'Identifier')
    return { text: head + text.slice(node.end), name: nameOf(declaration) ?? 'script' };
  return { text: `${head}const script = ${text.slice(declaration.start)}`, name: 'script' };
}
