/** The providers the engine knows: our own folder of files, and the operator's file merged over it. Read once, at start. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isMap, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { EngineError } from '../contract/failures.ts';
import { unknownExpressions } from './interpolate.ts';
import { type Provider, providerSchema, strictProviderSchema } from './provider.ts';

export type Catalogue = {
  /** The provider of that name; throws `unknown_provider` with the names that look like it. */
  readonly get: (name: string) => Provider;
  readonly has: (name: string) => boolean;
  /** All providers, by name. */
  readonly list: () => readonly Provider[];
};

type Entry = { readonly value: Record<string, unknown>; readonly base: Entry | undefined; readonly source: Source };
/** `ours`: whether the file comes with the engine, and so has to keep the grammar to the letter. */
type Source = { readonly position: (path: readonly PropertyKey[]) => string; readonly ours: boolean };
type Reading = { readonly entries: Map<string, Entry>; readonly mistakes: string[]; readonly warnings: string[] };

export type LoadedCatalogue = Catalogue & {
  /** Keys and expressions of the operator's file that the engine does not know, one line each with its place. */
  readonly warnings: readonly string[];
};

const OWN_FOLDER = new URL('./providers/', import.meta.url);

/**
 * Our providers with those of `file` over them, entry by entry: an entry replaces ours of the same name whole, unless it
 * has `alias: <name>`, which takes over every key it does not set itself (its own name means ours beneath it). Throws
 * `configuration_invalid` with every mistake of the files, each with its line and column. Keys and expressions that the
 * grammar does not have are a mistake in ours and a warning in the operator's, whose file may be newer than this engine.
 */
export function loadProviders(options: { readonly file?: string | undefined } = {}): LoadedCatalogue {
  const reading: Reading = { entries: new Map(), mistakes: [], warnings: [] };
  const { entries, mistakes } = reading;
  for (const file of readdirSync(OWN_FOLDER).sort()) {
    readEntries({ path: new URL(file, OWN_FOLDER), file: `providers/${file}`, ours: true }, reading);
  }
  if (options.file !== undefined) readEntries({ path: options.file, file: basename(options.file) }, reading);
  const providers = new Map<string, Provider>();
  for (const name of [...entries.keys()].sort()) {
    const provider = checkEntry(name, reading);
    if (provider !== undefined) providers.set(name, provider);
  }
  if (mistakes.length > 0) throw invalid(mistakes);
  return { ...createCatalogue(providers), warnings: sorted(reading.warnings) };
}

function createCatalogue(providers: ReadonlyMap<string, Provider>): Catalogue {
  const list = [...providers.values()];
  return {
    has: (name) => providers.has(name),
    list: () => list,
    get: (name) => {
      const provider = providers.get(name);
      if (provider === undefined) throw unknownProvider(name, [...providers.keys()]);
      return provider;
    },
  };
}

type File = { readonly path: string | URL; readonly file: string; readonly ours?: boolean };

function readEntries({ path, file, ours = false }: File, { entries, mistakes }: Reading): void {
  const content = readText(path, file, mistakes);
  if (content === undefined) return;
  const lineCounter = new LineCounter();
  const document = parseDocument(content, { lineCounter, prettyErrors: false });
  const at = (offset: number) => `${file}:${lineCounter.linePos(offset).line}:${lineCounter.linePos(offset).col}`;
  if (document.errors.length > 0) {
    for (const error of document.errors) mistakes.push(`${at(error.pos[0])} ${error.message}`);
    return;
  }
  if (document.contents === null) return;
  const source: Source = { position: (where) => at(offsetOf(document, where)), ours };
  if (!isMap(document.contents)) {
    mistakes.push(`${source.position([])} expected a map from provider names to providers`);
    return;
  }
  for (const [name, value] of Object.entries(document.toJS() as Record<string, unknown>)) {
    if (!isRecord(value)) mistakes.push(`${source.position([name])} Provider '${name}': expected a map`);
    if (isRecord(value)) entries.set(name, { value, base: entries.get(name), source });
  }
}

function readText(path: string | URL, file: string, mistakes: string[]): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    mistakes.push(`Providers file '${file}' cannot be read (${reason}): check NANGO_PROVIDERS_FILE`);
    return undefined;
  }
}

function checkEntry(name: string, reading: Reading): Provider | undefined {
  const entry = reading.entries.get(name);
  if (entry === undefined) return undefined;
  const merged = withAlias(name, [entry], reading);
  if (merged === undefined) return undefined;
  const doubts = reading[entry.source.ours ? 'mistakes' : 'warnings'];
  doubts.push(...describeExpressions(name, entry));
  const strict = strictProviderSchema.safeParse(merged);
  if (strict.success) return { ...strict.data, name };
  const unknown = strict.error.issues.filter((issue) => issue.code === 'unrecognized_keys');
  doubts.push(...unknown.flatMap((issue) => describeKeys(name, entry, issue)));
  const parsed = providerSchema.safeParse(merged);
  if (parsed.success) return { ...parsed.data, name };
  for (const issue of parsed.error.issues) reading.mistakes.push(describeIssue(name, entry, issue));
  return undefined;
}

/** The keys of the last entry of the chain over those of the entry its `alias` names, and so on down. */
function withAlias(name: string, chain: readonly Entry[], reading: Reading): Record<string, unknown> | undefined {
  const entry = chain.at(-1);
  if (entry === undefined) return undefined;
  const { alias, ...own } = entry.value;
  if (alias === undefined) return own;
  const place = `${entry.source.position([name, 'alias'])} Provider '${name}': alias '${String(alias)}'`;
  const target = alias === name ? entry.base : reading.entries.get(String(alias));
  if (target !== undefined && !chain.includes(target)) {
    const base = withAlias(String(alias), [...chain, target], reading);
    return base && { ...base, ...own };
  }
  const problem = target === undefined ? 'is no provider: expected the name of another one' : 'leads back to itself';
  reading.mistakes.push(`${place} ${problem}`);
  return undefined;
}

function describeIssue(name: string, entry: Entry, issue: z.core.$ZodIssue): string {
  const key = issue.path.map(String).join('.');
  const subject = key === '' ? `Provider '${name}'` : `Provider '${name}': '${key}'`;
  return `${entry.source.position([name, ...issue.path])} ${subject}: ${issue.message}`;
}

function describeKeys(name: string, entry: Entry, issue: z.core.$ZodIssueUnrecognizedKeys): string[] {
  return issue.keys.map((key) => {
    const path = [...issue.path, key];
    const place = entry.source.position([name, ...path]);
    return `${place} Provider '${name}': '${path.map(String).join('.')}' is no key of the grammar and is not used`;
  });
}

function describeExpressions(name: string, entry: Entry): string[] {
  return textsOf(entry.value).flatMap(([path, text]) =>
    unknownExpressions(text).map((expression) => {
      const place = entry.source.position([name, ...path]);
      return `${place} Provider '${name}': '\${${expression}}' in '${path.join('.')}' is nothing that can be filled in`;
    }),
  );
}

/** Every text of an entry with the path that leads to it. */
function textsOf(value: unknown, path: readonly string[] = []): [path: readonly string[], text: string][] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => textsOf(inner, [...path, key]));
}

/** Where the key of that path stands, or the nearest thing above it that the file has. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = document.getIn(path.slice(0, length - 1), true) ?? document.contents;
    const key = path[length - 1];
    const pair = isMap(parent) ? parent.items.find((item) => String(item.key) === String(key)) : undefined;
    const start = (pair?.key as Node | undefined)?.range?.[0];
    if (start !== undefined) return start;
  }
  return document.contents?.range?.[0] ?? 0;
}

function invalid(found: readonly string[]): EngineError {
  const mistakes = sorted(found);
  const message = `The providers are not usable:\n${mistakes.join('\n')}`;
  return new EngineError('configuration_invalid', message, { details: { mistakes } });
}

function sorted(lines: readonly string[]): string[] {
  return lines.toSorted(new Intl.Collator('en', { numeric: true }).compare);
}

function unknownProvider(name: string, known: readonly string[]): EngineError {
  const alike = known.filter((other) => other.includes(name) || name.includes(other));
  const begins = (other: string) => other.startsWith(name) || name.startsWith(other);
  const similar = [...alike.filter(begins), ...alike.filter((other) => !begins(other))].slice(0, 5);
  const hint = similar.length > 0 ? ` Did you mean ${similar.map((other) => `'${other}'`).join(', ')}?` : '';
  const rest = 'expected one of GET /providers or of the file NANGO_PROVIDERS_FILE names';
  return new EngineError('unknown_provider', `Unknown provider '${name}': ${rest}.${hint}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The pagination of a provider's lists, which `nango.paginate` falls back on. */
export function paginateDefaults(catalogue: Catalogue, provider: string) {
  return catalogue.has(provider) ? catalogue.get(provider).proxy?.paginate : undefined;
}
