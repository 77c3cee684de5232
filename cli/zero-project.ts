/** Zero-yaml projects: what their scripts say of themselves, asked in the sandbox, each script once. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScriptBundle } from '../contract/script.ts';
import type { IndexEntry } from '../manifest/index-file.ts';
import type { Manifest, Mistake } from '../manifest/manifest.ts';
import { readZeroYaml, type ZeroScript } from '../manifest/zero-yaml.ts';
import { describeScripts, type ScriptDescription } from '../sandbox/definitions.ts';
import { createSandbox, type Sandbox } from '../sandbox/pool.ts';
import type { DeclaredScript } from './declared.ts';
import type { Project } from './project.ts';

export type Describer = {
  readonly describe: (
    scripts: readonly DeclaredScript[],
    bundles: ReadonlyMap<string, ScriptBundle>,
    signal: AbortSignal | undefined,
  ) => Promise<{ readonly manifest: Manifest; readonly mistakes: readonly Mistake[] }>;
  readonly close: () => Promise<void>;
};

/** Describes scripts and remembers the answers by bundle; the sandbox is opened when it is first needed. */
export function createDescriber(project: Project): Describer {
  const known = new Map<string, ScriptDescription>();
  let sandbox: Sandbox | undefined;
  return {
    describe: async (scripts, bundles, signal) => {
      const there = scripts.flatMap((script) => {
        const bundle = bundles.get(script.file);
        return bundle === undefined ? [] : [{ script, bundle }];
      });
      const due = there.filter(({ bundle }) => !known.has(bundle.hash)).map(({ bundle }) => bundle);
      if (due.length > 0) {
        sandbox ??= createSandbox({ maxChildren: 2 });
        const described = await describeScripts(sandbox, due, signal);
        for (const [index, bundle] of due.entries()) {
          const one = described[index];
          if (one !== undefined) known.set(bundle.hash, one);
        }
      }
      const failed: Mistake[] = [];
      const readable: ZeroScript[] = [];
      for (const { script, bundle } of there) {
        const description = known.get(bundle.hash);
        if (description === undefined) continue;
        if ('failed' in description.described) failed.push(failureOf(script, description));
        else readable.push(await zeroScript(project, script, description.described));
      }
      const { manifest, mistakes } = readZeroYaml(readable);
      return { manifest, mistakes: [...failed, ...mistakes] };
    },
    close: async () => sandbox?.close(),
  };
}

async function zeroScript(
  project: Project,
  script: DeclaredScript,
  described: Exclude<ScriptDescription['described'], { failed: unknown }>,
): Promise<ZeroScript> {
  const { kind, integration, name, file, declaredAt } = script;
  const entry: IndexEntry = { kind, integration, name, file, line: declaredAt.line, column: declaredAt.column };
  return {
    entry,
    text: await readFile(join(project.folder, file), 'utf8'),
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
