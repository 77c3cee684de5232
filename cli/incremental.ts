/** Builds a project again and again and bundles only what a change reaches. */
import { failureCode } from '../contract/failures.ts';
import type { EngineError } from '../contract/failures.ts';
import type { ScriptBundle } from '../contract/script.ts';
import { mistakeLine } from '../manifest/manifest.ts';
import {
  bundleScripts,
  type DeclaredScript,
  declaredScripts,
  filesOf,
  joinMistakes,
  loadManifest,
  writeTypes,
} from './compile.ts';
import { count } from './output.ts';
import { MANIFEST_FILE, type Project } from './project.ts';
import { checkTypes } from './typecheck.ts';

export type BuildReport = { readonly mistakes: readonly string[]; readonly summary: string };

export type Builder = {
  /** Builds after a change of these files (relative to the folder). Mistakes of the author are part of the report. */
  readonly build: (changed: readonly string[]) => Promise<BuildReport>;
};

/** A builder that has built nothing yet. */
export function createBuilder(project: Project): Builder {
  const bundles = new Map<string, ScriptBundle>();
  const build = async (changed: readonly string[]): Promise<BuildReport> => {
    const begun = performance.now();
    const { manifest } = await loadManifest(project);
    const written = await writeTypes(project, manifest);
    const scripts = declaredScripts(project, manifest);
    for (const [file, bundle] of bundles) if (isStale(scripts, bundle, changed)) bundles.delete(file);
    const due = scripts.filter((script) => !bundles.has(script.file));
    const [types, fresh] = await Promise.all([checkTypes(project), bundleScripts(project, due)]);
    for (const [file, bundle] of fresh.bundles) bundles.set(file, bundle);
    const mistakes = joinMistakes(types, fresh.mistakes);
    const warnings = changed.includes(MANIFEST_FILE)
      ? manifest.warnings.map((one) => `warning: ${mistakeLine(one)}`)
      : [];
    const facts = [
      ...written.map((file) => `wrote ${file}`),
      `bundled ${count(new Set(due.map((script) => script.file)).size, 'script')} of ${scripts.length}`,
      `${Math.round(performance.now() - begun)} ms`,
    ];
    const verdict = mistakes.length === 0 ? 'No mistakes' : count(mistakes.length, 'mistake');
    return { mistakes: [...mistakes, ...warnings], summary: `${verdict} (${facts.join(', ')})` };
  };
  return {
    build: (changed) =>
      build(changed).catch((error: unknown) => {
        if (failureCode(error) !== 'manifest_invalid') throw error;
        const { details, message } = error as EngineError;
        const mistakes = details.mistakes ?? [message];
        return { mistakes, summary: `${count(mistakes.length, 'mistake')} in ${MANIFEST_FILE}` };
      }),
  };
}

/** Whether a bundle has to be made again: one of its files changed, or nothing declares it any more. */
function isStale(scripts: readonly DeclaredScript[], bundle: ScriptBundle, changed: readonly string[]): boolean {
  if (!scripts.some((script) => script.file === bundle.file)) return true;
  return filesOf(bundle).some((file) => changed.includes(file));
}
