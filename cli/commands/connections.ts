import { EngineError } from '../../contract/failures.ts';
import { type Client, pathPart } from '../client.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { type CredentialFlags, readCredentials } from '../credentials.ts';
import { readObjectArgument } from '../json-argument.ts';
import { oneLine } from '../output.ts';
import { askForYes } from '../questions.ts';

type Listed = {
  readonly connection_id: string;
  readonly provider_config_key: string;
  readonly provider: string;
  readonly created: string;
};
type Flags = { readonly environment: string };
type CreateFlags = Flags & CredentialFlags & { readonly connectionConfig?: string; readonly metadata?: string };

export const asks = true;

export const define: CommandModule['define'] = (command, context) => {
  const { out, client } = context;
  withExample(
    command,
    'nango connections list',
    'echo $API_KEY | nango connections create github acme --api-key-stdin',
  );
  const list = command
    .command('list')
    .description('list the connections of an environment')
    .option('-i, --integration-id <id>', 'only those of this integration');
  withExample(withJson(withEnvironment(list)), 'nango connections list -i github').action(
    async (flags: Flags & { readonly json?: boolean; readonly integrationId?: string }) => {
      const query = { integrationId: flags.integrationId };
      const answer = await client(flags.environment).call<{ connections: Listed[] }>('GET', '/connections', { query });
      if (flags.json) return out.json(answer);
      const rows = answer.connections.map((one) => [
        one.connection_id,
        one.provider_config_key,
        one.provider,
        one.created,
      ]);
      const cells = rows.map((row) => row.map((cell) => oneLine(cell)));
      out.table(
        ['connection', 'integration', 'provider', 'created'],
        cells,
        `No connections in '${flags.environment}'.`,
      );
    },
  );
  const create = command
    .command('create')
    .description('create a connection, or renew the credentials of the one there is')
    .argument('<integration>', 'the id of the integration')
    .argument('<id>', 'your own id of the connection, such as that of a customer')
    .option('--api-key-stdin', 'read the API key from stdin')
    .option('--credentials-stdin', 'read the credentials as a JSON object from stdin')
    .option('--connection-config <json>', 'what the provider asks for besides, as JSON or @file')
    .option('-m, --metadata <json>', "the connection's metadata, as JSON or @file");
  withExample(withEnvironment(create), 'echo $API_KEY | nango connections create github acme --api-key-stdin').action(
    (integration: string, id: string, flags: CreateFlags) => createConnection(context, integration, id, flags),
  );
  const remove = command
    .command('delete')
    .description('delete a connection and its records')
    .argument('<integration>', 'the id of the integration')
    .argument('<id>', 'the id of the connection');
  withExample(withEnvironment(remove), 'nango connections delete github acme').action(
    (integration: string, id: string, flags: Flags) => deleteConnection(context, integration, id, flags),
  );
};

async function createConnection(
  context: CommandContext,
  integration: string,
  id: string,
  flags: CreateFlags,
): Promise<void> {
  const client = context.client(flags.environment);
  const config = await readObjectArgument('--connection-config', flags.connectionConfig, context.io.cwd);
  const metadata = await readObjectArgument('--metadata', flags.metadata, context.io.cwd);
  const credentials = await readCredentials(context, await authModeOf(client, integration), flags);
  await client.call('POST', '/connections', {
    body: {
      provider_config_key: integration,
      connection_id: id,
      credentials,
      ...(config === undefined ? {} : { connection_config: config }),
      ...(metadata === undefined ? {} : { metadata }),
    },
  });
  context.out.line(`Saved connection '${id}' of integration '${integration}' in '${flags.environment}'.`);
}

async function deleteConnection(context: CommandContext, integration: string, id: string, flags: Flags): Promise<void> {
  const client = context.client(flags.environment);
  const what = `connection '${id}' of integration '${integration}' in '${flags.environment}' with all its records`;
  if (!context.flags().autoConfirm) {
    if (!context.isInteractive())
      throw new EngineError('conflict', `Deleting ${what} needs a yes: pass --auto-confirm.`);
    if (!(await askForYes(context.io, `This deletes ${what}.`)))
      throw new EngineError('conflict', 'Nothing was deleted.');
  }
  await client.call('DELETE', `/connections/${pathPart(id)}`, { query: { provider_config_key: integration } });
  context.out.line(`Deleted ${what}.`);
}

async function authModeOf(client: Client, integration: string): Promise<string> {
  const { data } = await client.call<{ data: { provider: string } }>('GET', `/integrations/${pathPart(integration)}`);
  const provider = await client.call<{ data: { auth_mode: string } }>('GET', `/providers/${pathPart(data.provider)}`);
  return provider.data.auth_mode;
}
