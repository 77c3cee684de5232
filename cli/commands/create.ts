import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Option } from 'commander';
import { EngineError } from '../../contract/failures.ts';
import { INDEX_FILE } from '../../manifest/index-file.ts';
import { type NewScript, withImport, zeroFile, zeroScaffold } from '../../manifest/zero-scaffold.ts';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import type { Output } from '../output.ts';
import { type Project, writeGenerated, writeOnce } from '../project.ts';

type Flags = {
  readonly sync?: boolean;
  readonly action?: boolean;
  readonly onEvent?: boolean;
  readonly integration?: string;
  readonly name?: string;
};

export const define: CommandModule['define'] = (command, { out, project }) => {
  command
    .argument('[integration]', 'the id of the integration, as on the server')
    .argument('[name]', 'the name of the script: letters, digits, - and _')
    .addOption(new Option('--integration <id>').hideHelp())
    .addOption(new Option('--name <name>').hideHelp())
    .option('--sync', 'make a sync (the default)')
    .option('--action', 'make an action')
    .option('--on-event', 'make a script that follows the events of connections');
  withExample(command, 'nango create github issues --sync', 'nango create github close-issue --action').action(
    async (first: string | undefined, second: string | undefined, flags: Flags) => {
      const [integration, name] = [first ?? flags.integration, second ?? flags.name];
      if (integration === undefined || name === undefined)
        throw new EngineError(
          'invalid_body',
          `A script needs an integration and a name: 'nango create github issues'.`,
        );
      const kind = flags.action ? 'action' : flags.onEvent ? 'on-event' : 'sync';
      await addScript(out, project(), { kind, integration, name }, undefined);
    },
  );
};

/** Writes the script (a scaffold without `text`) and declares it in `index.ts`. Never overwrites. */
export async function addScript(
  out: Output,
  project: Project,
  script: NewScript,
  text: string | undefined,
  isForced = false,
): Promise<void> {
  const { integration, name } = script;
  if (project.form === 'yaml')
    throw new EngineError(
      'invalid_body',
      `This project declares its scripts in nango.yaml: add '${name}' to '${integration}' there, and run 'nango generate'.`,
    );
  if (!/^[a-zA-Z0-9_-]+$/.test(name))
    throw new EngineError(
      'invalid_body',
      `Name '${name}': expected letters, digits, '-' and '_', since it names the file.`,
    );
  if (!/^[^/\\]+$/.test(integration) || integration.startsWith('.'))
    throw new EngineError(
      'invalid_body',
      `Integration '${integration}': expected an id without slashes, since it names the folder.`,
    );
  const file = zeroFile(script);
  const path = join(project.folder, file);
  const content = text ?? zeroScaffold(script);
  const isWritten = isForced ? await writeGenerated(path, content) : await writeOnce(path, content);
  if (!isWritten && !isForced) throw new EngineError('conflict', `'${file}' is there already: nothing was changed.`);
  const index = join(project.folder, INDEX_FILE);
  const isDeclared = !(await writeGenerated(index, withImport(await readFile(index, 'utf8'), script)));
  out.line(`Wrote ${file}${isDeclared ? '' : ` and its import in ${INDEX_FILE}`}`);
}
