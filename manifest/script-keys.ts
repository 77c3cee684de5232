import { isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import type { Entry, Source } from './document.ts';
import { describe, entriesOf, offsetOf, positionOf, reject, resolve, scalarText, warn } from './document.ts';
import { parseFrequency } from './frequency.ts';

/** The keys of one script; readers take them by name and report against the script's own place. */
export type Script = {
  readonly source: Source;
  readonly name: string;
  readonly entry: Entry;
  readonly keys: ReadonlyMap<string, Entry>;
};

/** What every script has, whatever its kind. */
export type ScriptCore = {
  readonly name: string;
  readonly line: number;
  readonly column: number;
  readonly description?: string;
  readonly version?: string;
};

/** Opens `<name>: { … }`; undefined after a mistake. */
export function openScript(source: Source, entry: Entry): Script | undefined {
  if (!isScriptName(source, entry.key, entry.offset)) return undefined;
  const entries = entriesOf(source, entry.value, `script '${entry.key}'`, offsetOf(entry.value, entry.offset));
  if (entries === undefined) return undefined;
  return { source, name: entry.key, entry, keys: new Map(entries.map((key) => [key.key, key])) };
}

/** Whether a name can be a script's; notes a mistake where not. */
export function isScriptName(source: Source, name: string, offset: number): boolean {
  if (/^[a-zA-Z0-9_-]+$/.test(name)) return true;
  reject(
    source,
    offset,
    `script name '${name.slice(0, 80)}': expected letters, digits, '-' and '_', since it names the file '<script>.ts'`,
  );
  return false;
}

/** Position, description and version. */
export function readCore(script: Script): ScriptCore {
  const description = readText(script, 'description', 'a text');
  const version = readText(script, 'version', "a version such as '1.0.0'");
  if (version !== undefined && !isVersion(version)) {
    reject(
      script.source,
      valueOffset(script, 'version'),
      `version of '${script.name}' '${version.slice(0, 80)}': expected a whole number or a version such as '1.0.0'`,
    );
  }
  return {
    name: script.name,
    ...positionOf(script.source, script.entry.offset),
    ...(description === undefined ? {} : { description }),
    ...(version === undefined ? {} : { version }),
  };
}

/** A whole number or a semantic version. */
export function isVersion(text: string): boolean {
  return /^\d+(\.\d+\.\d+([-+][\w.+-]+)?)?$/.test(text);
}

/** The frequency of a sync; undefined after a mistake, also when there is none. */
export function readRuns(script: Script, version: 'v1' | 'v2'): { runs: string; intervalMs: number } | undefined {
  const { source, name, keys, entry } = script;
  if (!keys.has('runs')) {
    reject(
      source,
      entry.offset,
      `sync '${name}' has no 'runs': expected how often it runs, for example 'runs: every 30min'`,
      'invalid_runs',
    );
    return undefined;
  }
  const text = readText(script, 'runs', "a frequency such as 'every 30min'");
  if (text === undefined) return undefined;
  const frequency = parseFrequency(text, version);
  if (!('fault' in frequency)) return frequency;
  const offset = valueOffset(script, 'runs');
  reject(source, offset, `sync '${name}' runs '${text.slice(0, 80)}': ${frequency.fault}`, 'invalid_runs');
  return undefined;
}

/** The text of a key; undefined when it is absent, and after a mistake. */
export function readText(script: Script, key: string, expected: string): string | undefined {
  const entry = script.keys.get(key);
  if (entry === undefined) return undefined;
  if (isScalar(entry.value) && scalarText(entry.value) !== '') return scalarText(entry.value).trim();
  if (key === 'description' && isScalar(entry.value)) return undefined;
  reject(
    script.source,
    valueOffset(script, key),
    `${key} of '${script.name}' is ${describe(entry.value)}: expected ${expected}`,
  );
  return undefined;
}

/** Several short texts: one, some between commas, or a list. Each once. */
export function readTexts(script: Script, key: string): readonly string[] {
  const entry = script.keys.get(key);
  if (entry === undefined || (isScalar(entry.value) && scalarText(entry.value) === '')) return [];
  const items = isSeq(entry.value) ? (entry.value.items as Node[]) : [entry.value];
  const texts = items.flatMap((item) => {
    const node = resolve(script.source, item);
    if (isScalar(node)) return scalarText(node).split(',');
    const message = `${key} of '${script.name}' is ${describe(node)}: expected a text, or a list of texts`;
    reject(script.source, offsetOf(node, valueOffset(script, key)), message);
    return [];
  });
  return [...new Set(texts.map((text) => text.trim()).filter((text) => text !== ''))];
}

export function readBoolean(script: Script, key: string): boolean | undefined {
  const text = readOneOf(script, key, ['true', 'false']);
  return text === undefined ? undefined : text === 'true';
}

/** One of a few words, in any case. */
export function readOneOf<const Choice extends string>(
  script: Script,
  key: string,
  choices: readonly Choice[],
): Choice | undefined {
  const entry = script.keys.get(key);
  if (entry === undefined) return undefined;
  const text = isScalar(entry.value) ? scalarText(entry.value).trim().toLowerCase() : undefined;
  const choice = choices.find((candidate) => candidate === text);
  if (choice !== undefined) return choice;
  reject(
    script.source,
    valueOffset(script, key),
    `${key} of '${script.name}' is ${describe(entry.value)}: expected '${choices.join("' or '")}'`,
  );
  return undefined;
}

/** Where the value of a key stands, or else the key, or else the script. */
export function valueOffset(script: Script, key: string): number {
  const entry = script.keys.get(key);
  return offsetOf(entry?.value ?? null, entry?.offset ?? script.entry.offset);
}

/** v1 files were never strict about keys; v2 files always were. */
export function noteUnknownKeys(script: Script, known: readonly string[], version: 'v1' | 'v2'): void {
  for (const [key, entry] of script.keys) {
    if (known.includes(key)) continue;
    const what = `key '${key.slice(0, 80)}' of '${script.name}' is not known`;
    if (version === 'v1')
      warn(script.source, entry.offset, `${what} and has no effect: expected one of ${known.join(', ')}`);
    else reject(script.source, entry.offset, `${what}: expected one of ${known.join(', ')}`);
  }
}
