import { join } from 'node:path';
import { Option } from 'commander';
import { EngineError, failureCode } from '../../contract/failures.ts';
import { pathPart } from '../client.ts';
import type { CommandModule } from '../command.ts';
import { withEnvironment, withExample, withRefused } from '../command.ts';
import { readDeclarations } from '../declared.ts';
import { writeGenerated, writeOnce } from '../project.ts';
import { addScript } from './create.ts';

type Flags = {
  readonly environment: string;
  readonly env?: string;
  readonly sync?: boolean;
  readonly action?: boolean;
  readonly onEvent?: boolean;
  readonly force?: boolean;
};
type Code = { readonly type: 'sync' | 'action' | 'on-event'; readonly code: string | null };

export const define: CommandModule['define'] = (command, { out, client, project }) => {
  command
    .argument('<integration>', 'the id of the integration')
    .argument('<name>', 'the name of the deployed script')
    .addOption(new Option('--env <name>', 'as --environment').hideHelp())
    .option('-s, --sync', 'the sync of that name')
    .option('-a, --action', 'the action of that name')
    .option('--on-event', 'the on-event script of that name')
    .option('-f, --force', 'overwrite the file that is there');
  withRefused(
    command,
    '-c, --catalog',
    "There is no catalogue of scripts to pull from: leave --catalog out to fetch what is deployed, or copy the script's file into the project.",
  );
  withExample(withEnvironment(command), 'nango pull github issues -e prod').action(
    async (integration: string, name: string, flags: Flags) => {
      const type = flags.sync ? 'sync' : flags.action ? 'action' : flags.onEvent ? 'on-event' : undefined;
      const path = `/integrations/${pathPart(integration)}/functions/${pathPart(name)}/code`;
      const found = await client(flags.env ?? flags.environment).call<Code>('GET', path, { query: { type } });
      if (found.code === null)
        throw new EngineError(
          'not_found',
          `The ${found.type} '${name}' was deployed without its source: only its bundle is there.`,
        );
      const place = project();
      if (place.form === 'zero-yaml')
        return addScript(out, place, { kind: found.type, integration, name }, found.code, flags.force === true);
      // Read for its place alone: a script that nango.yaml does not name yet belongs into the folder of its kind.
      const { scripts } = await readDeclarations(place).catch((error: unknown) => {
        if (failureCode(error) === 'manifest_invalid') return { scripts: [] };
        throw error;
      });
      const declared = scripts.find(
        (script) => script.integration === integration && script.name === name && script.kind === found.type,
      );
      const file = declared?.file ?? `${integration}/${found.type}s/${name}.ts`;
      const write = flags.force === true ? writeGenerated : writeOnce;
      if (!(await write(join(place.folder, file), found.code)) && flags.force !== true)
        throw new EngineError('conflict', `'${file}' is there already: pass --force to overwrite it.`);
      out.line(`Wrote ${file}${declared === undefined ? ': declare it in nango.yaml' : ''}`);
    },
  );
};
