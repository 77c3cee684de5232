import type { CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { oneLine } from '../output.ts';

type Integration = { readonly unique_key: string; readonly provider: string; readonly created_at?: string };
type Flags = { readonly environment: string; readonly json?: boolean };

export const define: CommandModule['define'] = (command, { out, client }) => {
  withExample(command, 'nango integrations list', 'nango integrations create github --provider github');
  const list = command.command('list').description('list the integrations of an environment');
  withExample(withJson(withEnvironment(list)), 'nango integrations list -e prod').action(async (flags: Flags) => {
    const answer = await client(flags.environment).call<{ data: Integration[] }>('GET', '/integrations');
    if (flags.json) return out.json(answer);
    const rows = answer.data.map((one) => [oneLine(one.unique_key), oneLine(one.provider), one.created_at ?? '']);
    out.table(['integration', 'provider', 'created'], rows, `No integrations in '${flags.environment}'.`);
  });
  const create = command
    .command('create')
    .description('create an integration')
    .argument('<id>', "the integration's id, as in nango.yaml")
    .requiredOption('-p, --provider <name>', 'the provider whose API it calls');
  withExample(withEnvironment(create), 'nango integrations create task-tracker --provider example-tracker').action(
    async (id: string, flags: Flags & { readonly provider: string }) => {
      const body = { unique_key: id, provider: flags.provider };
      await client(flags.environment).call('POST', '/integrations', { body });
      out.line(`Created integration '${id}' of provider '${flags.provider}' in '${flags.environment}'.`);
    },
  );
};
