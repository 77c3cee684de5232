/** Zero-yaml projects: what their scripts say of themselves, asked in the sandbox, each script once. */
import type { ScriptBundle } from '../contract/script.ts';
import type { IndexEntry } from '../manifest/index-file.ts';
import type { Manifest, Mistake } from '../manifest/manifest.ts';
import { type DefinitionPlaces, NO_PLACES } from '../manifest/definition-source.ts';
import { readZeroYaml, type ZeroScript } from '../manifest/zero-yaml.ts';
import { describeScripts, type ScriptDescription } from '../sandbox/definitions.ts';
import { createSandbox, type Sandbox } from '../sandbox/pool.ts';
import type { DeclaredScript } from './declared.ts';
import type { Judgements } from './judge.ts';

/** A script and what it says of itself. */
export type Described = { readonly script: DeclaredScript; readonly description: ScriptDescription };
export type Describer = {
  /** What each script that was bundled says. */
  readonly describe: (
    scripts: readonly DeclaredScript[],
    bundles: ReadonlyMap<string, ScriptBundle>,
    signal: AbortSignal | undefined,
  ) => Promise<readonly Described[]>;
  readonly close: () => Promise<void>;
};

/** Adds the answers to what is `known`, by the hash of the bundle; the sandbox is opened when it is first needed. */
export function createDescriber(known: Map<string, unknown>): Describer {
  let sandbox: Sandbox | undefined;
  return {
    describe: async (scripts, bundles, signal) => {
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
      return there.flatMap(({ script, bundle }) => {
        const description = known.get(bundle.hash) as ScriptDescription | undefined;
        return description === undefined ? [] : [{ script, description }];
      });
    },
    close: async () => sandbox?.close(),
  };
}

/** What the scripts say as a manifest, and their mistakes where they stand. */
export function manifestOf(
  described: readonly Described[],
  judgements: Judgements,
): { readonly manifest: Manifest; readonly mistakes: readonly Mistake[] } {
  const failed: Mistake[] = [];
  const readable: ZeroScript[] = [];
  for (const { script, description } of described) {
    const places = judgements.get(script.file)?.places ?? NO_PLACES;
    if ('failed' in description.described) failed.push(failureOf(script, description));
    else readable.push(zeroScript(script, description.described, places));
  }
  const { manifest, mistakes } = readZeroYaml(readable);
  return { manifest, mistakes: [...failed, ...mistakes] };
}

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
