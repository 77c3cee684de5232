import { childOf, childrenOf, identifierOf, literalText, type ScriptTree, type SyntaxNode } from './script-tree.ts';
import type { Report } from './script-finding.ts';

/** Modules that scripts may import besides their own files: of the sandbox, and packages the incumbent allows. */
export const ALLOWED_MODULES: readonly string[] = [
  ...['nango', 'nango/experimental', 'zod', 'zod/v3', 'zod/v4'],
  ...['crypto', 'node:crypto', 'url', 'node:url', 'buffer', 'node:buffer'],
  ...['unzipper', 'soap', 'botbuilder'],
];

/**
 * Relative files, allowed modules and installed packages may be imported; types from anywhere, since nothing is left of
 * them. `loads`: calls that may be `require('x')`, and `import('x')`.
 */
export function checkImports(
  { program }: ScriptTree,
  loads: readonly SyntaxNode[],
  packages: readonly string[],
  report: Report,
): void {
  const check = (node: SyntaxNode, specifier: string): void => {
    if (isAllowed(specifier, packages)) return;
    const message = `import of '${specifier.slice(0, 80)}': expected a file of the project, one of ${ALLOWED_MODULES.join(', ')}, or an installed package; types are imported with 'import type'`;
    report(node, 'disallowed_import', message);
  };
  for (const node of childrenOf(program, 'body')) {
    const specifier = literalText(childOf(node, 'source')) ?? requiredByAssignment(node);
    if (specifier !== undefined && !isTypeOnly(node)) check(node, specifier);
  }
  for (const node of loads) {
    const isImport = node.type === 'ImportExpression';
    if (!isImport && identifierOf(childOf(node, 'callee')) !== 'require') continue;
    const specifier = literalText(isImport ? childOf(node, 'source') : childrenOf(node, 'arguments')[0]);
    if (specifier !== undefined) check(node, specifier);
    else
      report(node, 'disallowed_import', 'import of a computed name: expected a fixed one, since scripts are bundled');
  }
}

function isAllowed(specifier: string, packages: readonly string[]): boolean {
  if (/^\.{1,2}(\/|$)/.test(specifier) || ALLOWED_MODULES.includes(specifier)) return true;
  // `@scope/name/part` belongs to `@scope/name`.
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  return packages.includes(name);
}

function isTypeOnly(node: SyntaxNode): boolean {
  if (node['importKind'] === 'type' || node['exportKind'] === 'type') return true;
  const specifiers = childrenOf(node, 'specifiers');
  return (
    specifiers.length > 0 && specifiers.every((one) => one['importKind'] === 'type' || one['exportKind'] === 'type')
  );
}

/** `import x = require('y')`. */
function requiredByAssignment(node: SyntaxNode): string | undefined {
  const reference = node.type === 'TSImportEqualsDeclaration' ? childOf(node, 'moduleReference') : undefined;
  return reference?.type === 'TSExternalModuleReference' ? literalText(childOf(reference, 'expression')) : undefined;
}
