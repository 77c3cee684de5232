/** Zero-yaml projects: what their scripts say of themselves, asked in the sandbox, each script once. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScriptBundle } from '../contract/script.ts';
import type { IndexEntry } from '../manifest/index-file.ts';
import type { Manifest, Mistake } from '../manifest/manifest.ts';
import { type DefinitionPlaces, definitionPlaces } from '../manifest/definition-source.ts';
import { readZeroYaml, type ZeroScript } from '../manifest/zero-yaml.ts';
import { describeScripts, type ScriptDescription } from '../sandbox/definitions.ts';
import { createSandbox, type Sandbox } from '../sandbox/pool.ts';
import type { Digests } from './build-cache.ts';
import type { DeclaredScript } from './declared.ts';
import type { Project } from './project.ts';

export type Describer = {
  readonly describe: (
    scripts: readonly DeclaredScript[],
    bundles: ReadonlyMap<string, ScriptBundle>,
    digests: Digests,
    signal: AbortSignal | undefined,
  ) => Promise<{ readonly manifest: Manifest; readonly mistakes: readonly Mistake[] }>;
  readonly close: () => Promise<void>;
};

/**
 * Describes scripts and adds the answers to what is `known`, by the hash of the bundle; the sandbox is opened when it is
 * first needed. `places`, by file, are where each definition says what.
 */
export function createDescriber(
  project: Project,
  known: Map<string, unknown>,
  places: Map<string, unknown>,
): Describer {
  let sandbox: Sandbox | undefined;
  const placesOf = async (file: string, digests: Digests): Promise<DefinitionPlaces> => {
    const digest = digests(file);
    const before = places.get(file) as Placed | undefined;
    if (before?.digest === digest) return before.places;
    const found = definitionPlaces(file, await readFile(join(project.folder, file), 'utf8'));
    places.set(file, { digest, places: found } satisfies Placed);
    return found;
  };
  return {
    describe: async (scripts, bundles, digests, signal) => {
      const there = scripts.flatMap((script) => {
        const bundle = bundles.get(script.file);
        return bundle === undefined ? [] : [{ script, bundle }];
      });
      const due = there.filter(({ bundle }) => !known.has(bundle.hash)).map(({ bundle }) => bundle);
      if (due.length > 0) {
        // Few at once: an isolate with forty scripts takes much memory, and two processors have no use for more.
        sandbox ??= createSandbox({ maxChildren: 2, runsPerChild: 1, sparesWhenFull: false });
        const described = await describeScripts(sandbox, due, signal);
        for (const [index, bundle] of due.entries()) {
          const one = described[index];
          if (one !== undefined) known.set(bundle.hash, one);
        }
      }
      const failed: Mistake[] = [];
      const readable: ZeroScript[] = [];
      for (const { script, bundle } of there) {
        const description = known.get(bundle.hash) as ScriptDescription | undefined;
        if (description === undefined) continue;
        if ('failed' in description.described) failed.push(failureOf(script, description));
        else readable.push(zeroScript(script, description.described, await placesOf(script.file, digests)));
      }
      const { manifest, mistakes } = readZeroYaml(readable);
      return { manifest, mistakes: [...failed, ...mistakes] };
    },
    close: async () => sandbox?.close(),
  };
}

type Placed = { readonly digest: string; readonly places: DefinitionPlaces };

function zeroScript(
  script: DeclaredScript,
  described: Exclude<ScriptDescription['described'], { failed: unknown }>,
  places: DefinitionPlaces,
): ZeroScript {
  const { kind, integration, name, file, declaredAt } = script;
  const entry: IndexEntry = { kind, integration, name, file, line: declaredAt.line, column: declaredAt.column };
  return {
    entry,
    places,
    exports: described.exports,
    definition: described.isDefinition ? described : undefined,
  };
}

function failureOf({ file }: DeclaredScript, { described, location }: ScriptDescription): Mistake {
  const message = 'failed' in described ? `${described.failed.name}: ${described.failed.message}` : '';
  return {
    ...(location ?? { file, line: 1, column: 1 }),
    message: `the definition cannot be loaded: ${message}`,
    code: 'failed_to_build_unknown',
  };
}
