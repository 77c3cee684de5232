import { EngineError } from '../contract/failures.ts';
import { readIntegrations } from './definitions.ts';
import type { Entry, Source } from './document.ts';
import { entriesOf, offsetOf, openDocument, reject, warn } from './document.ts';
import { type Manifest, type Mistake, mistakeLine } from './manifest.ts';
import { readModels } from './model-section.ts';
import { noteModels } from './model-usage.ts';

const SECTIONS = ['integrations', 'models'];

/**
 * Reads a `nango.yaml`. `file` is only the name that messages carry.
 * Throws `manifest_invalid` with every mistake at once in `details.mistakes`, in the order of the file, each as
 * `file:line:column: <what> '<value>': <expected>`. Hostile input ends in such a mistake as well.
 */
export function parseManifest(text: string, file: string): { readonly manifest: Manifest } {
  const { manifest, mistakes } = inspectManifest(text, file);
  if (manifest === undefined) throw invalid(file, mistakes);
  return { manifest };
}

/** As `parseManifest`, but never throws: either a manifest and no mistakes, or the mistakes, with their codes. */
export function inspectManifest(
  text: string,
  file: string,
): { readonly manifest?: Manifest; readonly mistakes: readonly Mistake[] } {
  const { source, root } = openDocument(text, file);
  const manifest =
    root === undefined ? undefined : readFile(source, entriesOf(source, root, `'${file}'`, offsetOf(root, 0)));
  const mistakes = source.mistakes.toSorted(byPlace);
  return manifest === undefined || mistakes.length > 0 ? { mistakes } : { manifest, mistakes };
}

function readFile(source: Source, sections: readonly Entry[] | undefined): Manifest | undefined {
  if (sections === undefined) return undefined;
  for (const section of sections) {
    if (!SECTIONS.includes(section.key))
      warn(
        source,
        section.offset,
        `key '${section.key.slice(0, 80)}' is not known and has no effect: expected 'integrations' and 'models'`,
      );
  }
  const { list, models } = readModels(source, readSection(source, sections, 'models', 'optional'));
  const entries = readSection(source, sections, 'integrations', 'required');
  const { version, integrations, anonymous } = readIntegrations(source, entries, models);
  const all = [...list, ...anonymous];
  const notes = noteModels(integrations, all, models.parents).map((note) => ({ file: source.file, ...note }));
  return { version, integrations, models: all, warnings: [...source.warnings, ...notes].toSorted(byPlace) };
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

/** The refusal of a project with these mistakes, in the order of the file. */
export function invalid(what: string, mistakes: readonly Mistake[]): EngineError {
  const lines = mistakes.map(mistakeLine);
  const count = lines.length === 1 ? '1 mistake' : `${lines.length} mistakes`;
  return new EngineError('manifest_invalid', `'${what}' has ${count}: ${lines[0] ?? ''}`, {
    details: { mistakes: lines },
  });
}

function byPlace(a: Mistake, b: Mistake): number {
  return a.line - b.line || a.column - b.column;
}
