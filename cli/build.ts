/** Builds a project: declarations, generated files, types, bundles, definitions; and again, only what a change reaches. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
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
import { isTestFile } from '../manifest/vitest-scaffold.ts';
import type { CompiledBundle } from '../sandbox/compile.ts';
import type { ScriptDescription } from '../sandbox/definitions.ts';
import { type BuildCache, createDigests, type Digests, openCache } from './build-cache.ts';
import { type Bundles, bundleScripts, filesOf, joinMistakes } from './bundling.ts';
import { type DeclaredScript, type Declarations, readDeclarations } from './declared.ts';
import { writeTypes } from './generated.ts';
import { createJudge, type Judge, type Judgements, neverSaved } from './judge.ts';
import type { Project } from './project.ts';
import { checkTypes } from './typecheck.ts';
import { SLICE } from './type-slices.ts';
import { createDescriber, type Describer, manifestOf } from './zero-project.ts';

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
  /** Whether every script is bundled from its source, whatever the cache holds. */
  readonly fresh?: boolean;
  /** Whether generated files are brought up to date. @default true */
  readonly generates?: boolean;
  readonly signal?: AbortSignal | undefined;
};

export type Build = {
  /** Throws `manifest_invalid` when the declarations cannot be read; any other mistake is part of the result. */
  readonly run: (options?: BuildOptions) => Promise<BuildResult>;
  readonly close: () => Promise<void>;
};

/** A build that has built nothing yet. */
export function openBuild(project: Project): Build {
  const bundles = new Map<string, CompiledBundle>();
  let memory: Memory | undefined;
  return {
    run: async ({ wanted, changed = [], fresh = false, generates = true, signal } = {}) => {
      const isFirst = memory === undefined;
      memory ??= await openMemory(project);
      const digests = createDigests(project);
      const declarations = await readDeclarations(project);
      const wrote = generates ? await writeTypes(project, declarations.manifest) : [];
      const scripts = wanted === undefined ? declarations.scripts : declarations.scripts.filter(wanted);
      for (const [file, bundle] of bundles) if (isStale(scripts, bundle, changed)) bundles.delete(file);
      if (isFirst && !fresh) await recall(memory.cache, scripts, bundles, digests);
      const due = scripts.filter((script) => !bundles.has(script.file));
      // Syntax trees are mostly garbage: by its own measure V8 would let a gigabyte of them lie.
      if (scripts.length > SLICE) setFlagsFromString('--heap-growing-percent=30');
      const begun = Date.now();
      const bundleAndJudge = async (own: Memory) => {
        const work = { ...own, scripts, due, bundles, digests, signal };
        const built = await bundleAndDescribe(project, declarations, work);
        await remember(own, { due, bundles, digests, begun, isWhole: wanted === undefined });
        return built;
      };
      // All else is done while the compiler, which takes longest, looks at the types.
      const [types, { manifest, mistakes: own, judgements }] = await Promise.all([
        checkTypes(project, { scripts: declarations.scripts.length, signal }),
        bundleAndJudge(memory),
      ]);
      const ofScripts = types.filter(({ file }) => !isTestFile(file));
      const relevant = wanted === undefined ? ofScripts : ofScripts.filter(concerns(bundles));
      const judged = [...judgements.values()];
      const warnings = [
        ...manifest.warnings,
        ...judged.flatMap((one) => one.warnings),
        ...neverSaved(scripts, bundles, manifest, judgements),
      ];
      const broken = judged.flatMap((one) => one.mistakes.map(mistakeLine));
      const mistakes = joinMistakes(relevant, [...own, ...broken]);
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
    close: async () => memory?.describer.close(),
  };
}

type Memory = {
  readonly cache: BuildCache;
  readonly judged: Map<string, unknown>;
  readonly described: Map<string, unknown>;
  readonly judge: Judge;
  readonly describer: Describer;
};

async function openMemory(project: Project): Promise<Memory> {
  const cache = await openCache(project);
  const judged = new Map(await cache.collection('judged'));
  const described = new Map(await cache.collection('described'));
  return {
    cache,
    judged,
    described,
    judge: createJudge(project, judged),
    describer: createDescriber(described),
  };
}

/** Takes over the bundles of earlier builds whose files are the same. Only for a build's first run: the cache was opened then. */
async function recall(
  cache: BuildCache,
  scripts: readonly DeclaredScript[],
  bundles: Map<string, CompiledBundle>,
  digests: Digests,
): Promise<void> {
  const files = [...new Set(scripts.filter(({ exists }) => exists).map(({ file }) => file))];
  const due = files.filter((file) => !bundles.has(file));
  await Promise.all(
    due.map(async (file) => {
      const bundle = await cache.bundle(file, digests);
      if (bundle !== undefined) bundles.set(file, bundle);
    }),
  );
}

type Built = {
  readonly due: readonly DeclaredScript[];
  readonly bundles: Bundles;
  readonly digests: Digests;
  /** When the bundling of `due` began, ms since the epoch. */
  readonly begun: number;
  readonly isWhole: boolean;
};

async function remember(
  { cache, judged, described }: Memory,
  { due, bundles, digests, begun, isWhole }: Built,
): Promise<void> {
  const fresh = [...new Set(due.map(({ file }) => file))].flatMap((file) => bundles.get(file) ?? []);
  if (fresh.length === 0) return;
  const hashes = new Set([...bundles.values()].map(({ hash }) => hash));
  for (const hash of described.keys()) if (isWhole && !hashes.has(hash)) described.delete(hash);
  await Promise.all([
    ...fresh.map((bundle) => cache.keepBundle(bundle, digests, begun)),
    cache.keepCollection('judged', judged),
    cache.keepCollection('described', new Map([...described].filter(([, one]) => !isFailure(one)))),
  ]);
}

// What stopped a definition may be gone the next time.
function isFailure(description: unknown): boolean {
  return 'failed' in (description as ScriptDescription).described;
}

type Work = {
  readonly scripts: readonly DeclaredScript[];
  readonly due: readonly DeclaredScript[];
  readonly bundles: Map<string, CompiledBundle>;
  readonly judge: Judge;
  readonly describer: Describer;
  readonly digests: Digests;
  readonly signal: AbortSignal | undefined;
};
type Findings = {
  readonly manifest: Manifest;
  readonly mistakes: readonly string[];
  readonly judgements: Judgements;
};

async function bundleAndDescribe(
  project: Project,
  declarations: Declarations,
  { scripts, due, bundles, judge, describer, digests, signal }: Work,
): Promise<Findings> {
  const fresh = await bundleScripts(project, due);
  for (const [file, bundle] of fresh.bundles) bundles.set(file, bundle);
  const { manifest } = declarations;
  const [judgements, described] = await Promise.all([
    judge(scripts, bundles, manifest?.version ?? 'zero-yaml', digests),
    manifest === undefined ? describer.describe(scripts, bundles, signal) : [],
  ]);
  if (manifest !== undefined) return { manifest, mistakes: fresh.mistakes, judgements };
  const read = manifestOf(described, judgements);
  const mistakes = [...fresh.mistakes, ...read.mistakes.map(mistakeLine)];
  return { manifest: read.manifest, mistakes, judgements };
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
function isStale(scripts: readonly DeclaredScript[], bundle: CompiledBundle, changed: readonly string[]): boolean {
  if (!scripts.some((script) => script.file === bundle.file)) return true;
  return filesOf(bundle).some((file) => changed.includes(file));
}

function concerns(bundles: Bundles): (mistake: Mistake) => boolean {
  const files = new Set([...bundles.values()].flatMap(filesOf));
  return (mistake) => files.has(mistake.file);
}
