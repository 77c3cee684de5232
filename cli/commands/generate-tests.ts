import { join, relative } from 'node:path';
import { type TestedScript, testFile, VITEST_CONFIG, VITEST_SETUP } from '../../manifest/vitest-scaffold.ts';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { type DeclaredScript, readDeclarations } from '../declared.ts';
import { type Project, writeOnce } from '../project.ts';
import { findRecording, integrationFolder } from '../recorded/find.ts';
import { placeIn, withSlashes } from '../place.ts';

type Flags = { readonly integration?: string; readonly sync?: string; readonly action?: string };

export const define: CommandModule['define'] = (command, { out, project }) => {
  command
    .option('-i, --integration <id>', 'only the scripts of this integration')
    .option('-s, --sync <name>', 'only this sync')
    .option('-a, --action <name>', 'only this action');
  withExample(command, 'nango generate:tests', 'nango generate:tests -i github').action(async (flags: Flags) => {
    const place = project();
    const { scripts } = await readDeclarations(place);
    const tested = scripts
      .filter((script) => isWanted(script, flags))
      .flatMap((script) => testedScript(place, script) ?? []);
    if (tested.length === 0) return out.line("No script has a recording: 'nango dryrun … --save' makes one.");
    const files = [
      { name: 'vitest.config.ts', text: VITEST_CONFIG },
      { name: 'vitest.setup.ts', text: VITEST_SETUP },
      ...tested.map(({ script, folder }) => ({
        name: join(folder, 'tests', `${script.integration}-${script.name}.test.ts`),
        text: testFile(script),
      })),
    ];
    for (const { name, text } of files)
      out.line(`${(await writeOnce(join(place.folder, name), text)) ? 'Wrote' : 'Kept'} ${withSlashes(name)}`);
  });
};

function isWanted(script: DeclaredScript, { integration, sync, action }: Flags): boolean {
  const isNamed =
    (sync === undefined && action === undefined) || script.name === (script.kind === 'sync' ? sync : action);
  return (
    script.exists && script.kind !== 'on-event' && isNamed && (integration ?? script.integration) === script.integration
  );
}

function testedScript(
  { folder: root, form }: Project,
  { integration, name, kind, file }: DeclaredScript,
): { readonly script: TestedScript; readonly folder: string } | undefined {
  const folder = integrationFolder(root, file);
  const recording = findRecording(folder, name);
  if (recording === undefined) return undefined;
  const importPath = placeIn(join(folder, 'tests'), join(root, file)).replace(/\.ts$/, '');
  const script: TestedScript = {
    integration,
    name,
    kind: kind === 'sync' ? 'sync' : 'action',
    models: Object.keys({ ...recording.saved, ...recording.deleted }),
    importPath,
    isDefinition: form === 'zero-yaml',
  };
  return { script, folder: relative(root, folder) };
}
