/** `index.ts` of a zero-yaml project: its imports of `./<integration>/<syncs|actions|on-events>/<name>` are the scripts. */
import type { Mistake, Position } from './manifest.ts';
import { parseScript } from './syntax.ts';

export const INDEX_FILE = 'index.ts';

export type IndexEntry = Position & {
  readonly kind: 'sync' | 'action' | 'on-event';
  readonly integration: string;
  readonly name: string;
  /** Relative to the project's folder, with the ending `.ts`. */
  readonly file: string;
};

const KINDS = { syncs: 'sync', actions: 'action', 'on-events': 'on-event' } as const;

/** Reads the entries in their order; an import of anything else is a mistake, as is a file that does not parse. */
export function readIndex(text: string): {
  readonly entries: readonly IndexEntry[];
  readonly mistakes: readonly Mistake[];
} {
  const parsed = parseScript(INDEX_FILE, text);
  if (parsed === undefined) {
    const message = "'index.ts' is not valid TypeScript: expected lines such as import './github/syncs/issues.js';";
    return { entries: [], mistakes: [{ file: INDEX_FILE, line: 1, column: 1, message }] };
  }
  const mistakes: Mistake[] = [];
  const entries = new Map<string, IndexEntry>();
  for (const { specifier, start, typeOnly } of parsed.imports) {
    if (typeOnly || !specifier.startsWith('.')) continue;
    const position = parsed.positionOf(start);
    const entry = entryOf(specifier, position);
    if (entry !== undefined) entries.set(entry.file, entries.get(entry.file) ?? entry);
    else {
      const expected = "expected './<integration>/syncs/<name>.js', or actions or on-events in its place";
      const message = `import '${specifier.slice(0, 80)}' is no script of an integration: ${expected}`;
      mistakes.push({ file: INDEX_FILE, ...position, message, code: 'invalid_entry' });
    }
  }
  return { entries: [...entries.values()], mistakes };
}

/** Whether it holds nothing but imports of scripts: nothing of it can be wrong that reading its entries does not say. */
export function isPlainIndex(text: string): boolean {
  const rest = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  return (
    /^(\s*import\s*(['"])\.\/[^'"\n]+\2;?[^\S\n]*(\/\/.*)?(\n|$))*\s*$/.test(rest) &&
    readIndex(text).mistakes.length === 0
  );
}

function entryOf(specifier: string, position: Position): IndexEntry | undefined {
  const path = specifier.replace(/^\.\//, '').replace(/\.[cm]?[jt]s$/, '');
  const match = /^([^/]+)\/(syncs|actions|on-events)\/([a-zA-Z0-9_-]+)$/.exec(path);
  const [, integration, folder, name] = match ?? [];
  if (integration === undefined || name === undefined || integration.startsWith('.')) return undefined;
  const kind = KINDS[folder as keyof typeof KINDS];
  return { ...position, kind, integration, name, file: `${path}.ts` };
}
