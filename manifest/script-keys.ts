import { isScalar } from 'yaml';
import type { Entry, Source } from './document.ts';
import { describe, entriesOf, offsetOf, positionOf, reject, scalarText, warn } from './document.ts';

/** The keys of one script; readers take them by name and report against the script's own place. */
export type Script = {
  readonly source: Source;
  readonly name: string;
  readonly entry: Entry;
  readonly keys: ReadonlyMap<string, Entry>;
};

/** Opens the mapping of one script; undefined after a mistake. */
export function openScript(source: Source, entry: Entry): Script | undefined {
  if (!isScriptName(source, entry.key, entry.offset)) return undefined;
  const entries = entriesOf(source, entry.value, `script '${entry.key}'`, offsetOf(entry.value, entry.offset));
  if (entries === undefined) return undefined;
  return { source, name: entry.key, entry, keys: new Map(entries.map((key) => [key.key, key])) };
}

/** Whether a name can name a script, which is a file. */
export function isScriptName(source: Source, name: string, offset: number): boolean {
  if (/^[a-zA-Z0-9_-]+$/.test(name)) return true;
  const expected = "expected letters, digits, '-' and '_', since it names the file '<script>.ts'";
  reject(source, offset, `script name '${name.slice(0, 80)}': ${expected}`, 'invalid_script_name');
  return false;
}

/** What syncs and actions of all versions have. */
export type Common = {
  readonly name: string;
  readonly line: number;
  readonly column: number;
  readonly description?: string;
  readonly version?: string;
};

export function readCommon(script: Script): Common {
  const description = readText(script, 'description', 'a text');
  const version = readText(script, 'version', "a version such as '1.0.0'");
  if (version !== undefined && !/^\d+(\.\d+\.\d+([-+][\w.+-]+)?)?$/.test(version)) {
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

export function readText(script: Script, key: string, expected: string): string | undefined {
  const entry = script.keys.get(key);
  if (entry === undefined) return undefined;
  if (isScalar(entry.value) && scalarText(entry.value) !== '') return scalarText(entry.value).trim();
  if (key === 'description' && isScalar(entry.value)) return undefined;
  const message = `${key} of '${script.name}' is ${describe(entry.value)}: expected ${expected}`;
  reject(script.source, valueOffset(script, key), message);
  return undefined;
}

export function readBoolean(script: Script, key: string): boolean | undefined {
  const text = readOneOf(script, key, ['true', 'false']);
  return text === undefined ? undefined : text === 'true';
}

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
  const message = `${key} of '${script.name}' is ${describe(entry.value)}: expected '${choices.join("' or '")}'`;
  reject(script.source, valueOffset(script, key), message);
  return undefined;
}

export function valueOffset(script: Script, key: string): number {
  const entry = script.keys.get(key);
  return offsetOf(entry?.value ?? null, entry?.offset ?? script.entry.offset);
}

export function warnOfUnknownKeys(script: Script, known: readonly string[]): void {
  for (const [key, entry] of script.keys) {
    if (known.includes(key)) continue;
    warn(
      script.source,
      entry.offset,
      `key '${key.slice(0, 80)}' of '${script.name}' is not known and has no effect: expected one of ${known.join(', ')}`,
    );
  }
}
