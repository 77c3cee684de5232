import { join } from 'node:path';
import { VITEST_CONFIG, VITEST_SETUP } from '../../manifest/vitest-scaffold.ts';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { type DeclaredScript, readDeclarations } from '../declared.ts';
import { writeOnce } from '../project.ts';
import { hasVitest, vitestFile } from '../vitest-file.ts';

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
      .flatMap((script) => vitestFile(place, script) ?? []);
    if (tested.length === 0) return out.line("No script has a recording: 'nango dryrun … --save' makes one.");
    const files = [
      { file: 'vitest.config.ts', text: VITEST_CONFIG },
      { file: 'vitest.setup.ts', text: VITEST_SETUP },
      ...tested,
    ];
    for (const { file, text } of files)
      out.line(`${(await writeOnce(join(place.folder, file), text)) ? 'Wrote' : 'Kept'} ${file}`);
    // Its package.json names `nango` already, which the tests import as well.
    const install = hasVitest(place.folder) ? '' : "'npm install --save-dev vitest', then ";
    out.line(`Next, in ${place.folder}: ${install}'npx vitest run'.`);
  });
};

function isWanted(script: DeclaredScript, { integration, sync, action }: Flags): boolean {
  const isNamed =
    (sync === undefined && action === undefined) || script.name === (script.kind === 'sync' ? sync : action);
  return (
    script.exists && script.kind !== 'on-event' && isNamed && (integration ?? script.integration) === script.integration
  );
}
