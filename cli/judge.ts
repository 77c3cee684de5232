/** The static rules over everything that scripts are bundled from, each file once as long as it stays the same. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Integration, Manifest, Mistake } from '../manifest/manifest.ts';
import { checkRules, type Judgement, type ScriptRules } from '../manifest/rules.ts';
import type { CompiledBundle } from '../sandbox/compile.ts';
import type { Digests } from './build-cache.ts';
import { type Bundles, filesOf } from './bundling.ts';
import type { DeclaredScript } from './declared.ts';
import type { Project } from './project.ts';

/** What was found in a file of that content, for a script of that kind. */
type Judged = { readonly digest: string; readonly kind: string; readonly judgement: Judgement };
/** What was found in each file, by its path. */
export type Judgements = ReadonlyMap<string, Judgement>;
export type Judge = (
  scripts: readonly DeclaredScript[],
  bundles: Bundles,
  version: ScriptRules['version'],
  digests: Digests,
) => Promise<Judgements>;

/** A judge that has seen what is `known`, by file, and adds to it. */
export function createJudge(project: Project, known: Map<string, unknown>): Judge {
  return async (scripts, bundles, version, digests) => {
    const kinds = new Map(scripts.map((script) => [script.file, script.kind]));
    const files = new Set([...bundles.values()].flatMap(ownFilesOf));
    const judged = [...files].map(async (file): Promise<readonly [string, Judgement]> => {
      const digest = digests(file);
      const kind = `${version} ${kinds.get(file) ?? 'helper'}`;
      const before = known.get(file) as Judged | undefined;
      if (before?.digest === digest && before.kind === kind) return [file, before.judgement];
      const text = await readFile(join(project.folder, file), 'utf8').catch(() => '');
      const judgement = checkRules({ file, text, kind: kinds.get(file), version });
      known.set(file, { digest, kind, judgement } satisfies Judged);
      return [file, judgement];
    });
    return new Map(await Promise.all(judged));
  };
}

/** Warns of models that a sync declares and none of its files names. */
export function neverSaved(
  scripts: readonly DeclaredScript[],
  bundles: Bundles,
  { integrations }: Manifest,
  judgements: Judgements,
): Mistake[] {
  return scripts.flatMap((script) => {
    const bundle = bundles.get(script.file);
    if (script.kind !== 'sync' || bundle === undefined) return [];
    const texts = ownFilesOf(bundle).map((file) => judgements.get(file)?.texts);
    return modelsOf(integrations, script)
      .filter((model) => !texts.some((found) => found?.includes(model)))
      .map((model) => ({
        ...script.declaredAt,
        message: `sync '${script.name}' never saves its model '${model}': nothing in '${script.file}' names it`,
        code: 'model_never_saved',
      }));
  });
}

function modelsOf(integrations: readonly Integration[], { integration, name }: DeclaredScript): readonly string[] {
  const syncs = integrations.find((one) => one.name === integration)?.syncs ?? [];
  return syncs.find((sync) => sync.name === name)?.returns ?? [];
}

// What a package does is its own affair.
function ownFilesOf(bundle: CompiledBundle): string[] {
  return filesOf(bundle).filter((file) => !file.includes('node_modules/') && /\.[cm]?[jt]s$/.test(file));
}
