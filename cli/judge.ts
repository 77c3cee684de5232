/** The static rules over everything that scripts are bundled from, each file once as long as it stays the same. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScriptBundle } from '../contract/script.ts';
import type { Integration, Manifest, Mistake } from '../manifest/manifest.ts';
import { checkRules, type Judgement, textsIn } from '../manifest/rules.ts';
import { filesOf } from './bundling.ts';
import type { DeclaredScript } from './declared.ts';
import type { Project } from './project.ts';

type Judged = { readonly text: string; readonly judgement: Judgement; readonly texts: ReadonlySet<string> };
export type Judge = {
  readonly judge: (
    scripts: readonly DeclaredScript[],
    bundles: ReadonlyMap<string, ScriptBundle>,
    manifest: Manifest,
  ) => Promise<Judgement>;
};

/** A judge that has seen nothing yet. */
export function createJudge(project: Project): Judge {
  const known = new Map<string, Judged>();
  return {
    judge: async (scripts, bundles, manifest) => {
      const kinds = new Map(scripts.map((script) => [script.file, script.kind]));
      const files = new Set([...bundles.values()].flatMap(ownFilesOf));
      const judged = await Promise.all(
        [...files].map(async (file) => {
          const text = await readFile(join(project.folder, file), 'utf8').catch(() => '');
          const before = known.get(file);
          if (before?.text === text) return before;
          const judgement = checkRules({ file, text, kind: kinds.get(file), version: manifest.version });
          const fresh = { text, judgement, texts: textsIn(file, text) };
          known.set(file, fresh);
          return fresh;
        }),
      );
      return {
        mistakes: judged.flatMap(({ judgement }) => judgement.mistakes),
        warnings: [
          ...judged.flatMap(({ judgement }) => judgement.warnings),
          ...neverSaved(scripts, bundles, manifest, known),
        ],
      };
    },
  };
}

function neverSaved(
  scripts: readonly DeclaredScript[],
  bundles: ReadonlyMap<string, ScriptBundle>,
  { integrations }: Manifest,
  known: ReadonlyMap<string, Judged>,
): Mistake[] {
  return scripts.flatMap((script) => {
    const bundle = bundles.get(script.file);
    if (script.kind !== 'sync' || bundle === undefined) return [];
    const texts = ownFilesOf(bundle).map((file) => known.get(file)?.texts);
    return modelsOf(integrations, script)
      .filter((model) => !texts.some((found) => found?.has(model)))
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
function ownFilesOf(bundle: ScriptBundle): string[] {
  return filesOf(bundle).filter((file) => !file.includes('node_modules/') && /\.[cm]?[jt]s$/.test(file));
}
