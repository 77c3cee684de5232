import { isAlias, isCollection, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Alias, Document, Node, Pair, Scalar, YAMLError, YAMLMap, YAMLSeq } from 'yaml';
import type { Mistake } from './manifest.ts';

// A manifest is written by people: what is larger or deeper than this is a mistake, and would only burn time.
const MAX_CHARACTERS = 1_000_000;
const MAX_SYNTAX_MISTAKES = 20;

/** A YAML document together with what is wrong in it so far. Positions are offsets into the text. */
export type Source = {
  readonly file: string;
  readonly lines: LineCounter;
  readonly anchors: ReadonlyMap<string, Node>;
  readonly mistakes: Mistake[];
  readonly warnings: Mistake[];
};

/** One `key: value` of a mapping. `value` is the node behind an alias, never the alias. */
export type Entry = { readonly key: string; readonly offset: number; readonly value: Node | null };

/**
 * Opens the text. Without `root` the file is empty or not YAML, and `mistakes` says where and why. Keys given twice are
 * mistakes already. Never throws.
 */
export function openDocument(text: string, file: string): { readonly source: Source; readonly root?: Node } {
  const lines = new LineCounter();
  const anchors = new Map<string, Node>();
  const source: Source = { file, lines, anchors, mistakes: [], warnings: [] };
  if (text.length > MAX_CHARACTERS) {
    reject(source, 0, `the file has ${text.length} characters: expected at most ${MAX_CHARACTERS}`);
    return { source };
  }
  // The library compares each key with every other one; `rejectDoubles` needs one pass. Nesting it cannot follow is
  // an error of the document like any other.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  for (const error of firstOfEachPlace(document.errors).slice(0, MAX_SYNTAX_MISTAKES)) {
    reject(source, error.pos[0], `not valid YAML: ${syntaxMessage(error)}`);
  }
  if (source.mistakes.length > 0) return { source };
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) {
    reject(source, 0, `'${file}' is empty: expected 'integrations:' and 'models:'`);
    return { source };
  }
  // An alias of nothing would be reported again as everything that is missing there.
  return inspectNodes(source, document, anchors) ? { source, root } : { source };
}

/** Notes a mistake at an offset of the text. */
export function reject(source: Source, offset: number, message: string, code?: string): undefined {
  source.mistakes.push(at(source, offset, message, code));
}

/** Notes something that does not stop the project. */
export function warn(source: Source, offset: number, message: string, code?: string): void {
  source.warnings.push(at(source, offset, message, code));
}

/** Line and column (from 1) of an offset. */
export function positionOf(source: Source, offset: number): { line: number; column: number } {
  const { line, col } = source.lines.linePos(offset);
  // A text that was not read has no lines yet.
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** The entries of a mapping in their order, or undefined (and a mistake) when the node is none. */
export function entriesOf(source: Source, node: Node | null, what: string, offset: number): Entry[] | undefined {
  const resolved = resolve(source, node);
  if (!isMap(resolved)) {
    reject(source, offset, `${what} is ${describe(resolved)}: expected a mapping (indented 'name:' lines)`);
    return undefined;
  }
  return resolved.items.flatMap((pair) => entryOf(source, pair) ?? []);
}

/** The node behind an alias. */
export function resolve(source: Source, node: Node | null): Node | null {
  return isAlias(node) ? (source.anchors.get(node.source) ?? null) : node;
}

/** The characters of a scalar: as written when it is plain (`1.0`, `null`), the text inside when it is quoted. */
export function scalarText(node: Scalar): string {
  if (node.type === 'PLAIN' && node.source !== undefined) return node.source;
  return typeof node.value === 'string' ? node.value : String(node.value);
}

/** Where a node begins in the text. */
export function offsetOf(node: Node | null, otherwise: number): number {
  return node?.range?.[0] ?? otherwise;
}

/** What a node is, in an author's words, for `<what> is <this>: expected …`. */
export function describe(node: Node | null): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (!isScalar(node) || node.value === null) return 'empty';
  return `'${scalarText(node).slice(0, 60)}'`;
}

function at(source: Source, offset: number, message: string, code: string | undefined): Mistake {
  return { file: source.file, ...positionOf(source, offset), message, ...(code === undefined ? {} : { code }) };
}

function entryOf(source: Source, pair: Pair<unknown, unknown>): Entry | undefined {
  const { key, value } = pair as Pair<Node | null, Node | null>;
  const offset = offsetOf(key, offsetOf(value, 0));
  const resolvedKey = resolve(source, key);
  if (!isScalar(resolvedKey)) {
    reject(source, offset, `a key is ${describe(resolvedKey)}: expected a name`);
    return undefined;
  }
  const name = scalarText(resolvedKey);
  if (name === '<<') {
    reject(source, offset, "merge key '<<': expected the keys themselves; in models, '__extends: <Model>'");
    return undefined;
  }
  if (name === '') {
    reject(source, offset, 'a key is empty: expected a name before the colon');
    return undefined;
  }
  return { key: name, offset, value: resolve(source, value) };
}

/** Fills `anchors` and rejects doubled keys. Answers whether every alias has its anchor. */
function inspectNodes(source: Source, document: Document, anchors: Map<string, Node>): boolean {
  const aliases: Alias[] = [];
  visit(document, {
    Alias(_key, node) {
      aliases.push(node);
    },
    Node(_key, node) {
      if ((isScalar(node) || isCollection(node)) && node.anchor !== undefined) anchors.set(node.anchor, node);
      if (isMap(node)) rejectDoubles(source, node);
    },
  });
  const lost = aliases.filter((alias) => !anchors.has(alias.source));
  for (const { source: name, range } of lost) {
    reject(source, range?.[0] ?? 0, `alias '*${name}': expected an anchor '&${name}' in this file`);
  }
  return lost.length === 0;
}

function rejectDoubles(source: Source, map: YAMLMap | YAMLSeq): void {
  const seen = new Map<string, number>();
  for (const { key } of map.items as Pair<Node | null>[]) {
    if (!isScalar(key)) continue;
    const name = scalarText(key);
    const first = seen.get(name);
    if (first === undefined) seen.set(name, offsetOf(key, 0));
    else
      reject(
        source,
        offsetOf(key, 0),
        `key '${name}' is given twice: expected once (first on line ${positionOf(source, first).line})`,
      );
  }
}

function syntaxMessage(error: YAMLError): string {
  if (error.code === 'RESOURCE_EXHAUSTION') return 'nested too deeply: expected a few levels of indentation';
  return error.code === 'TAB_AS_INDENT' ? `${error.message}: expected spaces` : error.message;
}

// One place that breaks the syntax is often reported again and again.
function firstOfEachPlace(errors: readonly YAMLError[]): readonly YAMLError[] {
  return [...new Map(errors.toReversed().map((error) => [error.pos[0], error])).values()].toReversed();
}
