/** Builds a project: declarations, generated files, types, bundles, definitions; and again, only what a change reaches. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../contract/failures.ts';
import type { ScriptBundle } from '../contract/script.ts';
import {
  type ActionDefinition,
  type Manifest,
  type Mistake,
  mistakeLine,
  type OnEventDefinition,
  type SyncDefinition,
} from '../manifest/manifest.ts';
import { bundleScripts, filesOf, joinMistakes } from './bundling.ts';
import { type DeclaredScript, type Declarations, readDeclarations } from './declared.ts';
import { writeTypes } from './generated.ts';
import { createJudge } from './judge.ts';
import type { Project } from './project.ts';
import { checkTypes } from './typecheck.ts';
import { createDescriber, type Describer } from './zero-project.ts';

/** A script with what it became. */
export type CompiledScript = DeclaredScript & { readonly bundle: ScriptBundle; readonly source: string } & (
    | { readonly kind: 'sync'; readonly definition: SyncDefinition }
    | { readonly kind: 'action'; readonly definition: ActionDefinition }
    | { readonly kind: 'on-event'; readonly definition: OnEventDefinition }
  );
export type CompiledProject = {
  readonly form: Project['form'];
  readonly manifest: Manifest;
  readonly manifestText: string;
  readonly scripts: readonly CompiledScript[];
  /** Of declarations and rules. */
  readonly warnings: readonly Mistake[];
};

export type BuildResult = {
  /** Undefined where there are mistakes. */
  readonly project: CompiledProject | undefined;
  readonly mistakes: readonly string[];
  readonly warnings: readonly Mistake[];
  /** Generated files that were written. */
  readonly wrote: readonly string[];
  /** How many files were bundled anew, of how many scripts. */
  readonly bundled: number;
  readonly scripts: number;
};

export type BuildOptions = {
  /** Which scripts matter; all of them when absent. Mistakes of others are left out. */
  readonly wanted?: ((script: DeclaredScript) => boolean) | undefined;
  /** What changed since the last build, relative to the folder. */
  readonly changed?: readonly string[];
  readonly signal?: AbortSignal | undefined;
};

export type Build = {
  /** Throws `manifest_invalid` when the declarations cannot be read; any other mistake is part of the result. */
  readonly run: (options?: BuildOptions) => Promise<BuildResult>;
  readonly close: () => Promise<void>;
};

/** A build that has built nothing yet. */
export function openBuild(project: Project): Build {
  const bundles = new Map<string, ScriptBundle>();
  const describer = createDescriber(project);
  const judge = createJudge(project);
  return {
    run: async ({ wanted, changed = [], signal } = {}) => {
      const declarations = await readDeclarations(project);
      const wrote = await writeTypes(project, declarations.manifest);
      const scripts = wanted === undefined ? declarations.scripts : declarations.scripts.filter(wanted);
      for (const [file, bundle] of bundles) if (isStale(scripts, bundle, changed)) bundles.delete(file);
      const due = scripts.filter((script) => !bundles.has(script.file));
      const [types, built] = await Promise.all([
        checkTypes(project, signal),
        bundleAndDescribe(project, declarations, { scripts, due, bundles, describer, signal }),
      ]);
      const { manifest, mistakes: own } = built;
      const judgement = await judge.judge(scripts, bundles, manifest);
      const relevant = wanted === undefined ? types : types.filter(concerns(bundles));
      const warnings = [...manifest.warnings, ...judgement.warnings];
      const mistakes = joinMistakes(relevant, [...own, ...judgement.mistakes.map(mistakeLine)]);
      return {
        project:
          mistakes.length > 0
            ? undefined
            : { ...(await compiled(project, declarations, manifest, scripts, bundles)), warnings },
        mistakes,
        warnings,
        wrote,
        bundled: new Set(due.map((script) => script.file)).size,
        scripts: scripts.length,
      };
    },
    close: () => describer.close(),
  };
}

type Work = {
  readonly scripts: readonly DeclaredScript[];
  readonly due: readonly DeclaredScript[];
  readonly bundles: Map<string, ScriptBundle>;
  readonly describer: Describer;
  readonly signal: AbortSignal | undefined;
};

async function bundleAndDescribe(
  project: Project,
  declarations: Declarations,
  { scripts, due, bundles, describer, signal }: Work,
): Promise<{ readonly manifest: Manifest; readonly mistakes: readonly string[] }> {
  const fresh = await bundleScripts(project, due);
  for (const [file, bundle] of fresh.bundles) bundles.set(file, bundle);
  if (declarations.manifest !== undefined) return { manifest: declarations.manifest, mistakes: fresh.mistakes };
  const described = await describer.describe(scripts, bundles, signal);
  return { manifest: described.manifest, mistakes: [...fresh.mistakes, ...described.mistakes.map(mistakeLine)] };
}

async function compiled(
  project: Project,
  { manifestText }: Declarations,
  manifest: Manifest,
  scripts: readonly DeclaredScript[],
  bundles: ReadonlyMap<string, ScriptBundle>,
): Promise<Omit<CompiledProject, 'warnings'>> {
  return {
    form: project.form,
    manifest,
    manifestText,
    scripts: await Promise.all(scripts.map((script) => withBundle(project, manifest, script, bundles))),
  };
}

async function withBundle(
  project: Project,
  { integrations }: Manifest,
  script: DeclaredScript,
  bundles: ReadonlyMap<string, ScriptBundle>,
): Promise<CompiledScript> {
  const bundle = bundles.get(script.file);
  const integration = integrations.find(({ name }) => name === script.integration);
  const lost = (what: string) => new EngineError('internal', `Script '${script.file}' has no ${what}.`);
  if (bundle === undefined) throw lost('bundle');
  const source = await readFile(join(project.folder, script.file), 'utf8');
  const named = <Definition extends { readonly name: string }>(all: readonly Definition[] = []): Definition => {
    const found = all.find(({ name }) => name === script.name);
    if (found === undefined) throw lost('definition');
    return found;
  };
  const common = { ...script, bundle, source };
  switch (script.kind) {
    case 'sync':
      return { ...common, kind: 'sync', definition: named(integration?.syncs) };
    case 'action':
      return { ...common, kind: 'action', definition: named(integration?.actions) };
    case 'on-event':
      return { ...common, kind: 'on-event', definition: named(integration?.onEvents) };
    default:
      return script.kind satisfies never;
  }
}

/** Whether a bundle has to be made again: one of its files changed, or nothing declares it any more. */
function isStale(scripts: readonly DeclaredScript[], bundle: ScriptBundle, changed: readonly string[]): boolean {
  if (!scripts.some((script) => script.file === bundle.file)) return true;
  return filesOf(bundle).some((file) => changed.includes(file));
}

function concerns(bundles: ReadonlyMap<string, ScriptBundle>): (mistake: Mistake) => boolean {
  const files = new Set([...bundles.values()].flatMap(filesOf));
  return (mistake) => files.has(mistake.file);
}
