/** From an integrations folder to bundles that can run: manifest, types, bundles, and every mistake of a step at once. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EngineError, failureCode } from '../contract/failures.ts';
import type { ScriptBundle } from '../contract/script.ts';
import {
  type ActionDefinition,
  type Manifest,
  type Mistake,
  mistakeLine,
  type OnEventDefinition,
  type SyncDefinition,
} from '../manifest/manifest.ts';
import { SCHEMA_FILE, schemaDocument } from '../manifest/json-schema.ts';
import { parseManifest } from '../manifest/parse.ts';
import { SANDBOX_TYPES, SANDBOX_TYPES_FILE } from '../manifest/sandbox-types.ts';
import { generateModels } from '../manifest/typegen.ts';
import { compileScript } from '../sandbox/compile.ts';
import { count } from './output.ts';
import {
  MANIFEST_FILE,
  type Project,
  readManifestFile,
  type ScriptPlace,
  scriptFile,
  writeGenerated,
} from './project.ts';
import { checkTypes } from './typecheck.ts';

/** A script that the project declares. */
export type DeclaredScript = { readonly integration: string; readonly file: string; readonly exists: boolean } & (
  | { readonly kind: 'sync'; readonly definition: SyncDefinition }
  | { readonly kind: 'action'; readonly definition: ActionDefinition }
  | { readonly kind: 'on-event'; readonly definition: OnEventDefinition }
);
export type CompiledScript = DeclaredScript & { readonly bundle: ScriptBundle; readonly source: string };
export type CompiledProject = {
  readonly manifest: Manifest;
  readonly manifestText: string;
  readonly scripts: readonly CompiledScript[];
};

/** Reads `nango.yaml`. Throws `manifest_invalid` with all its mistakes. */
export async function loadManifest(project: Project): Promise<{ manifest: Manifest; manifestText: string }> {
  const manifestText = await readManifestFile(project);
  return { ...parseManifest(manifestText, MANIFEST_FILE, basename(project.folder)), manifestText };
}

/** The scripts of a manifest, in its order. */
export function declaredScripts(project: Project, manifest: Manifest): DeclaredScript[] {
  return manifest.integrations.flatMap(({ name: integration, syncs, actions, onEvents }) => {
    const place = (folder: ScriptPlace['folder'], name: string) => ({
      integration,
      ...scriptFile(project, manifest.version, { folder, integration, name }),
    });
    return [
      ...syncs.map((definition) => ({ kind: 'sync' as const, definition, ...place('syncs', definition.name) })),
      ...actions.map((definition) => ({ kind: 'action' as const, definition, ...place('actions', definition.name) })),
      ...onEvents.map((definition) => {
        const folder = definition.isOldForm ? 'post-connection-scripts' : 'on-events';
        return { kind: 'on-event' as const, definition, ...place(folder, definition.name) };
      }),
    ];
  });
}

/** Brings the generated types up to date; names the files it wrote. */
export async function writeTypes(project: Project, manifest: Manifest): Promise<string[]> {
  const files = [
    ['models.ts', generateModels(manifest)],
    [SANDBOX_TYPES_FILE, SANDBOX_TYPES],
    [SCHEMA_FILE, `${JSON.stringify(schemaDocument(manifest.models), null, 2)}\n`],
  ] as const;
  const written = await Promise.all(
    files.map(async ([name, text]) => ((await writeGenerated(join(project.folder, name), text)) ? [name] : [])),
  );
  return written.flat();
}

/**
 * Compiles the scripts that `wanted` picks (all of them when absent). Throws `manifest_invalid`, or `compile_failed`
 * with the mistakes of types and bundles together; where only some scripts are wanted, other scripts' are left out.
 */
export async function compileProject(
  project: Project,
  options: { readonly wanted?: (script: DeclaredScript) => boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<CompiledProject> {
  const { manifest, manifestText } = await loadManifest(project);
  await writeTypes(project, manifest);
  const declared = declaredScripts(project, manifest);
  const wanted = options.wanted === undefined ? declared : declared.filter(options.wanted);
  const [types, bundled] = await Promise.all([checkTypes(project, options.signal), bundleScripts(project, wanted)]);
  const relevant = options.wanted === undefined ? types : types.filter(concerns(bundled.bundles));
  const mistakes = joinMistakes(relevant, bundled.mistakes);
  if (mistakes.length > 0) throw compileFailure(mistakes);
  const scripts = await Promise.all(wanted.map((script) => withBundle(project, script, bundled.bundles)));
  return { manifest, manifestText, scripts };
}

export type Bundles = ReadonlyMap<string, ScriptBundle>;

/** Bundles each file once, whoever shares it, and collects what is wrong instead of throwing it. */
export async function bundleScripts(
  project: Project,
  scripts: readonly DeclaredScript[],
): Promise<{ readonly bundles: Bundles; readonly mistakes: readonly string[] }> {
  const missing = scripts.filter((script) => !script.exists).map(missingScript);
  const files = [...new Set(scripts.filter((script) => script.exists).map((script) => script.file))];
  const results = await Promise.all(files.map((file) => bundleFile(project, file)));
  const bundles = new Map(
    results.flatMap((result) => ('bundle' in result ? [[result.bundle.file, result.bundle]] : [])),
  );
  return {
    bundles,
    mistakes: [...missing, ...results.flatMap((result) => ('mistakes' in result ? result.mistakes : []))],
  };
}

/** Mistakes of the bundler and of the types without saying one thing twice: on one line the bundler's word counts. */
export function joinMistakes(types: readonly Mistake[], bundler: readonly string[]): string[] {
  const said = new Set(bundler.map(placeOf));
  return [...bundler, ...types.map(mistakeLine).filter((line) => !said.has(placeOf(line)))].toSorted(byPlace);
}

/** One failure for all mistakes. */
export function compileFailure(mistakes: readonly string[]): EngineError {
  return new EngineError('compile_failed', `The scripts have ${count(mistakes.length, 'mistake')}`, {
    details: { mistakes },
  });
}

/** The author's files that went into a bundle, relative to the project's folder. */
export function filesOf(bundle: ScriptBundle): readonly string[] {
  const { sources } = JSON.parse(bundle.sourceMap) as { sources: readonly string[] };
  return [bundle.file, ...sources];
}

async function bundleFile(
  project: Project,
  file: string,
): Promise<{ readonly bundle: ScriptBundle } | { readonly mistakes: readonly string[] }> {
  try {
    return { bundle: await compileScript({ root: project.folder, file }) };
  } catch (error) {
    if (failureCode(error) !== 'compile_failed') throw error;
    const { details, message } = error as EngineError;
    return { mistakes: details.mistakes ?? [message] };
  }
}

async function withBundle(project: Project, script: DeclaredScript, bundles: Bundles): Promise<CompiledScript> {
  const bundle = bundles.get(script.file);
  if (bundle === undefined) throw new EngineError('internal', `Script '${script.file}' has no bundle.`);
  return { ...script, bundle, source: await readFile(join(project.folder, script.file), 'utf8') };
}

function concerns(bundles: Bundles): (mistake: Mistake) => boolean {
  const files = new Set([...bundles.values()].flatMap(filesOf));
  return (mistake) => files.has(mistake.file);
}

function missingScript(script: DeclaredScript): string {
  const { name, line, column } = script.definition;
  const what = { sync: 'Sync', action: 'Action', 'on-event': 'On-event script' }[script.kind];
  const message = `${what} '${name}' of '${script.integration}' has no script '${script.file}': run 'nango generate' to write one`;
  return mistakeLine({ file: MANIFEST_FILE, line, column, message });
}

function placeOf(line: string): string {
  return /^(.*?:\d+):/.exec(line)?.[1] ?? line;
}

function byPlace(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
