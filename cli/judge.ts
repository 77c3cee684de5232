/** The static rules over everything that scripts are bundled from, each file once as long as it stays the same. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Integration, Manifest, Mistake } from '../manifest/manifest.ts';
import { checkRules, type Judgement } from '../manifest/rules.ts';
import type { CompiledBundle } from '../sandbox/compile.ts';
import type { Digests } from './build-cache.ts';
import { type Bundles, filesOf } from './bundling.ts';
import type { DeclaredScript } from './declared.ts';
import type { Project } from './project.ts';

/** What was found in a file of that content, for a script of that kind. */
type Judged = { readonly digest: string; readonly kind: string; readonly judgement: Judgement };
export type Judge = {
  readonly judge: (
    scripts: readonly DeclaredScript[],
    bundles: Bundles,
    manifest: Manifest,
    digests: Digests,
  ) => Promise<Omit<Judgement, 'texts'>>;
};

/** A judge that has seen what is `known`, by file, and adds to it. */
export function createJudge(project: Project, known: Map<string, unknown>): Judge {
  return {
    judge: async (scripts, bundles, manifest, digests) => {
      const kinds = new Map(scripts.map((script) => [script.file, script.kind]));
      const files = new Set([...bundles.values()].flatMap(ownFilesOf));
      const judged = await Promise.all(
        [...files].map(async (file) => {
          const digest = digests(file);
          const kind = `${manifest.version} ${kinds.get(file) ?? 'helper'}`;
          const before = known.get(file) as Judged | undefined;
          if (before?.digest === digest && before.kind === kind) return { file, ...before };
          const text = await readFile(join(project.folder, file), 'utf8').catch(() => '');
          const judgement = checkRules({ file, text, kind: kinds.get(file), version: manifest.version });
          known.set(file, { digest, kind, judgement } satisfies Judged);
          return { file, judgement };
        }),
      );
      const texts = new Map(judged.map((one) => [one.file, one.judgement.texts]));
      return {
        mistakes: judged.flatMap(({ judgement }) => judgement.mistakes),
        warnings: [
          ...judged.flatMap(({ judgement }) => judgement.warnings),
          ...neverSaved(scripts, bundles, manifest, texts),
        ],
      };
    },
  };
}

function neverSaved(
  scripts: readonly DeclaredScript[],
  bundles: Bundles,
  { integrations }: Manifest,
  textsOf: ReadonlyMap<string, readonly string[]>,
): Mistake[] {
  return scripts.flatMap((script) => {
    const bundle = bundles.get(script.file);
    if (script.kind !== 'sync' || bundle === undefined) return [];
    const texts = ownFilesOf(bundle).map((file) => textsOf.get(file));
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
