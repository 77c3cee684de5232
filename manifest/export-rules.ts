import {
  childOf,
  childrenOf,
  identifierOf,
  isFunction,
  literalText,
  type ScriptTree,
  type SyntaxNode,
  withoutTypes,
} from './script-tree.ts';
import type { Report, ScriptToCheck } from './script-finding.ts';

const CREATORS = { createSync: 'sync', createAction: 'action', createOnEvent: 'on-event' } as const;

/** What a script has to export: a function (nango.yaml), or one definition and nothing else (zero-yaml). */
export function checkExports(tree: ScriptTree, script: ScriptToCheck, report: Report): void {
  const file = openModule(tree);
  const place = file.defaultExport ?? tree.program;
  if (file.defaultExport === undefined && !file.reexportsDefault) {
    const expected = script.form === 'zero-yaml' ? `'export default ${creatorOf(script)}({ … })'` : entryOf(script);
    report(place, 'nango_invalid_default_export', `the default export is missing: expected ${expected}`);
  }
  if (script.form === 'yaml') checkFunction(file, script, report);
  else checkDefinition(file, script, report);
}

type ModuleFile = {
  readonly body: readonly SyntaxNode[];
  /** What a name at the top of the file stands for; undefined for an import. */
  readonly values: ReadonlyMap<string, SyntaxNode | undefined>;
  /** The value of the default export, or the name of it where it is none of this file. */
  readonly defaultExport: SyntaxNode | undefined;
  readonly reexportsDefault: boolean;
};

function openModule({ program }: ScriptTree): ModuleFile {
  const body = childrenOf(program, 'body');
  const values = new Map(body.flatMap(declaredValues));
  const direct = body.find((node) => node.type === 'ExportDefaultDeclaration');
  const specifier = body
    .filter((node) => node.type === 'ExportNamedDeclaration')
    .flatMap((node) =>
      childrenOf(node, 'specifiers').map((one) => ({ one, isOther: childOf(node, 'source') !== undefined })),
    )
    .find(({ one }) => exportedName(one) === 'default');
  const value = withoutTypes(
    direct === undefined ? specifier && childOf(specifier.one, 'local') : childOf(direct, 'declaration'),
  );
  const name = identifierOf(value);
  const target = name === undefined ? value : (values.get(name) ?? value);
  const reexportsDefault = specifier?.isOther === true;
  return { body, values, defaultExport: reexportsDefault ? undefined : target, reexportsDefault };
}

function declaredValues(statement: SyntaxNode): [string, SyntaxNode | undefined][] {
  const node = statement.type === 'ExportNamedDeclaration' ? childOf(statement, 'declaration') : statement;
  if (node === undefined) return [];
  if (node.type === 'ImportDeclaration')
    return childrenOf(node, 'specifiers').flatMap((one) => named(identifierOf(childOf(one, 'local')), undefined));
  if (node.type === 'VariableDeclaration')
    return childrenOf(node, 'declarations').flatMap((one) =>
      named(identifierOf(childOf(one, 'id')), withoutTypes(childOf(one, 'init'))),
    );
  return named(identifierOf(childOf(node, 'id')), node);
}

function named(name: string | undefined, value: SyntaxNode | undefined): [string, SyntaxNode | undefined][] {
  return name === undefined ? [] : [[name, value]];
}

function exportedName(specifier: SyntaxNode): string | undefined {
  const exported = childOf(specifier, 'exported');
  return identifierOf(exported) ?? literalText(exported);
}

// An import, a call or a condition may be a function; these never are.
const NO_FUNCTIONS = new Set([
  'Literal',
  'TemplateLiteral',
  'ObjectExpression',
  'ArrayExpression',
  'ClassDeclaration',
  'ClassExpression',
  'NewExpression',
]);

function checkFunction({ defaultExport }: ModuleFile, script: ScriptToCheck, report: Report): void {
  if (defaultExport === undefined || isFunction(defaultExport)) return;
  const isDefinition = creatorName(defaultExport) !== undefined;
  if (!isDefinition && !NO_FUNCTIONS.has(defaultExport.type)) return;
  const what = isDefinition ? `'${creatorName(defaultExport)}(…)', the zero-yaml form` : 'no function';
  report(defaultExport, 'nango_invalid_default_export', `the default export is ${what}: expected ${entryOf(script)}`);
}

function checkDefinition(file: ModuleFile, script: ScriptToCheck, report: Report): void {
  const { defaultExport } = file;
  for (const node of file.body) checkNamedExport(node, report);
  if (defaultExport === undefined) return;
  const creator = creatorName(defaultExport);
  const expected = `expected '${creatorOf(script)}({ … })'`;
  if (creator === undefined) {
    const name = callName(defaultExport);
    if (name === undefined)
      report(defaultExport, 'nango_invalid_default_export', `the default export is no definition: ${expected}`);
    else report(defaultExport, 'nango_unsupported_export', `the default export is '${name}(…)': ${expected}`);
    return;
  }
  if (CREATORS[creator] !== script.kind)
    report(defaultExport, 'nango_invalid_default_export', `the default export is '${creator}(…)': ${expected}`);
  for (const other of definitionsIn(file).filter((node) => node !== defaultExport))
    report(
      other,
      'nango_invalid_default_export',
      `'${creatorName(other)}(…)' besides the default export: expected one definition in a file`,
    );
  const [given, ...more] = childrenOf(defaultExport, 'arguments');
  const isObject = given?.type === 'ObjectExpression' || identifierOf(given) !== undefined;
  if (!isObject || more.length > 0)
    report(
      given ?? defaultExport,
      'nango_invalid_function_param',
      `'${creator}' takes one object: expected '${creator}({ … })'`,
    );
}

function checkNamedExport(node: SyntaxNode, report: Report): void {
  if (node['exportKind'] === 'type') return;
  const isAll = node.type === 'ExportAllDeclaration';
  if (!isAll && node.type !== 'ExportNamedDeclaration') return;
  const declaration = childOf(node, 'declaration');
  const values = childrenOf(node, 'specifiers').filter(
    (one) => one['exportKind'] !== 'type' && exportedName(one) !== 'default',
  );
  const isValue =
    declaration !== undefined && !/^TS(Interface|TypeAlias)/.test(declaration.type) && declaration['declare'] !== true;
  const place = isAll || isValue ? node : values[0];
  if (place !== undefined)
    report(
      place,
      'nango_named_export_not_allowed',
      'a named export of a value: expected the default export only; move what is shared to another file, types may stay',
    );
}

/** Definitions at the top of the file, exported or not. */
function definitionsIn({ body, values }: ModuleFile): SyntaxNode[] {
  const loose = body.map((node) =>
    node.type === 'ExpressionStatement' ? withoutTypes(childOf(node, 'expression')) : undefined,
  );
  return [...values.values(), ...loose].filter(
    (node) => node !== undefined && creatorName(node) !== undefined,
  ) as SyntaxNode[];
}

function creatorName(node: SyntaxNode): keyof typeof CREATORS | undefined {
  const name = callName(node);
  return name !== undefined && Object.hasOwn(CREATORS, name) ? (name as keyof typeof CREATORS) : undefined;
}

function callName(node: SyntaxNode): string | undefined {
  return node.type === 'CallExpression' ? identifierOf(withoutTypes(childOf(node, 'callee'))) : undefined;
}

function creatorOf({ kind }: ScriptToCheck): string {
  return Object.entries(CREATORS).find(([, created]) => created === kind)?.[0] ?? 'createSync';
}

function entryOf({ kind }: ScriptToCheck): string {
  if (kind === 'sync') return "'export default async function fetchData(nango)'";
  return kind === 'action'
    ? "'export default async function runAction(nango, input)'"
    : "'export default async function onEvent(nango)'";
}
