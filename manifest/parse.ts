import { EngineError } from '../contract/failures.ts';
import { readIntegrations } from './definitions.ts';
import type { Entry, Source } from './document.ts';
import { entriesOf, offsetOf, openDocument, reject, warn } from './document.ts';
import { type Manifest, type Mistake, mistakeLine } from './manifest.ts';
import { readModels } from './model-section.ts';
import { warnOfModels } from './model-warnings.ts';

const SECTIONS = ['integrations', 'models'];

/**
 * Reads a `nango.yaml` of either version. `file` is only the name that messages carry; `folder` is what `${PWD}` as an
 * integration's id stands for.
 * Throws `manifest_invalid` with every mistake at once in `details.mistakes`, in the order of the file, each as
 * `file:line:column: <what> '<value>': <expected>`. Hostile input ends in such a mistake as well.
 */
export function parseManifest(text: string, file: string, folder?: string): { readonly manifest: Manifest } {
  const { source, root } = openDocument(text, file);
  const manifest =
    root === undefined
      ? undefined
      : readManifest(source, entriesOf(source, root, `'${file}'`, offsetOf(root, 0)), folder);
  if (manifest === undefined || source.mistakes.length > 0) throw invalid(source);
  return { manifest };
}

function readManifest(
  source: Source,
  sections: readonly Entry[] | undefined,
  folder: string | undefined,
): Manifest | undefined {
  if (sections === undefined) return undefined;
  for (const section of sections) {
    if (!SECTIONS.includes(section.key))
      warn(
        source,
        section.offset,
        `key '${section.key.slice(0, 80)}' is not known and has no effect: expected 'integrations' and 'models'`,
      );
  }
  const modelEntries = readSection(source, sections, 'models', 'optional');
  const { list, models } = readModels(source, modelEntries);
  const entries = readSection(source, sections, 'integrations', 'required');
  const { version, integrations } = readIntegrations(source, entries, models, folder);
  warnOfModels(source, modelEntries, list, integrations);
  return { version, integrations, models: list, warnings: source.warnings.toSorted(byPlace) };
}

function readSection(
  source: Source,
  sections: readonly Entry[],
  name: string,
  need: 'required' | 'optional',
): readonly Entry[] {
  const section = sections.find((candidate) => candidate.key === name);
  if (section !== undefined)
    return entriesOf(source, section.value, `'${name}'`, offsetOf(section.value, section.offset)) ?? [];
  if (need === 'required')
    reject(source, 0, `'${source.file}' has no '${name}:': expected a mapping of integrations to their scripts`);
  return [];
}

function invalid(source: Source): EngineError {
  const sorted = source.mistakes.toSorted(byPlace);
  const mistakes = sorted.map(mistakeLine);
  const faults = sorted.map(({ code = 'invalid', message, file, line, column }) => ({
    code,
    message,
    path: [file, line, column],
  }));
  const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
  return new EngineError('manifest_invalid', `'${source.file}' has ${count}: ${mistakes[0] ?? ''}`, {
    details: { mistakes, faults },
  });
}

function byPlace(a: Mistake, b: Mistake): number {
  return a.line - b.line || a.column - b.column;
}
