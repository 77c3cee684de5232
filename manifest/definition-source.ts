import type { Position } from './manifest.ts';
import { bare, childOf, childrenOf, keyOf, nameOf, type ParsedScript, type SyntaxNode } from './syntax.ts';

/** The helpers that make a definition. */
const CREATORS = ['createSync', 'createAction', 'createOnEvent', 'createFunction'] as const;

/** Where a zero-yaml script says what: offsets into its text. */
export type DefinitionSource = {
  /** The helper that the default export calls; undefined when it calls none. */
  readonly creator: string | undefined;
  /** Of the call, or of the default export, or 0. */
  readonly offset: number;
  /** The definition's own functions and values by their name, where they are written in place. */
  readonly properties: ReadonlyMap<string, SyntaxNode>;
};

/** The same as lines and columns, for whoever reports about a definition. */
export type DefinitionPlaces = {
  readonly creator: string | undefined;
  readonly place: Position;
  readonly properties: Readonly<Record<string, Position>>;
};

/** Of a script that does not parse: its first line for all. */
export const NO_PLACES: DefinitionPlaces = { creator: undefined, place: { line: 1, column: 1 }, properties: {} };

/** Where a script says what. */
export function definitionPlaces(parsed: ParsedScript): DefinitionPlaces {
  const { creator, offset, properties } = findDefinition(parsed);
  const places = [...properties].map(([name, node]) => [name, parsed.positionOf(node.start)] as const);
  return { creator, place: parsed.positionOf(offset), properties: Object.fromEntries(places) };
}

/** Finds `export default createSync({…})`, also through one name: `const sync = createSync({…}); export default sync`. */
function findDefinition({ program }: Pick<ParsedScript, 'program'>): DefinitionSource {
  const body = childrenOf(program, 'body');
  const exported = body.find((node) => node.type === 'ExportDefaultDeclaration') ?? defaultSpecifier(body);
  const none = { creator: undefined, offset: exported?.start ?? 0, properties: new Map<string, SyntaxNode>() };
  if (exported === undefined) return none;
  const value = bare(childOf(exported, 'declaration') ?? childOf(exported, 'local'));
  const call = value?.type === 'Identifier' ? bare(valueOf(body, nameOf(value))) : value;
  const creator = call?.type === 'CallExpression' ? nameOf(childOf(call, 'callee')) : undefined;
  if (call === undefined || creator === undefined || !(CREATORS as readonly string[]).includes(creator)) return none;
  const [argument] = childrenOf(call, 'arguments');
  const properties = childrenOf(bare(argument), 'properties').flatMap((property) => {
    const key = keyOf(property);
    return key === undefined ? [] : [[key, property] as const];
  });
  return { creator, offset: call.start, properties: new Map(properties) };
}

/** `export { sync as default }`. */
function defaultSpecifier(body: readonly SyntaxNode[]): SyntaxNode | undefined {
  return body
    .filter((node) => node.type === 'ExportNamedDeclaration')
    .flatMap((node) => childrenOf(node, 'specifiers'))
    .find((specifier) => nameOf(childOf(specifier, 'exported')) === 'default');
}

function valueOf(body: readonly SyntaxNode[], name: string | undefined): SyntaxNode | undefined {
  return body
    .flatMap((node) => (node.type === 'ExportNamedDeclaration' ? [childOf(node, 'declaration')] : [node]))
    .filter((node) => node?.type === 'VariableDeclaration')
    .flatMap((node) => childrenOf(node, 'declarations'))
    .filter((declarator) => nameOf(childOf(declarator, 'id')) === name)
    .map((declarator) => childOf(declarator, 'init'))[0];
}
