import { EngineError } from '../../contract/failures.ts';
import type { Client } from '../client.ts';
import type { CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { readStdin } from '../io.ts';
import { count, oneLine } from '../output.ts';

type Variable = { readonly name: string; readonly value: string };
type Flags = { readonly environment: string };

export const define: CommandModule['define'] = (command, { io, out, client }) => {
  withExample(command, 'nango variables list', 'echo $TOKEN | nango variables set TOKEN');
  const list = command.command('list').description('list what scripts get from nango.getEnvironmentVariables()');
  withExample(withJson(withEnvironment(list)), 'nango variables list').action(
    async (flags: Flags & { readonly json?: boolean }) => {
      const variables = await read(client(flags.environment));
      if (flags.json) return out.json(variables);
      // Values are often keys: they are for --json alone, which nobody reads over a shoulder.
      const rows = variables.map(({ name, value }) => [oneLine(name), count(value.length, 'character')]);
      out.table(['variable', 'value'], rows, `No variables in '${flags.environment}'.`);
    },
  );
  const set = command
    .command('set')
    .description('set a variable to what stands on stdin')
    .argument('<name>', 'letters, digits and underscores');
  withExample(withEnvironment(set), 'echo $TOKEN | nango variables set TOKEN').action(
    async (name: string, flags: Flags) => {
      const value = await readStdin(io);
      const server = client(flags.environment);
      const others = (await read(server)).filter((variable) => variable.name !== name);
      await write(server, [...others, { name, value }]);
      out.line(`Set variable '${name}' in '${flags.environment}'.`);
    },
  );
  const remove = command.command('delete').description('delete a variable').argument('<name>', 'the variable');
  withExample(withEnvironment(remove), 'nango variables delete TOKEN').action(async (name: string, flags: Flags) => {
    const server = client(flags.environment);
    const all = await read(server);
    const others = all.filter((variable) => variable.name !== name);
    if (others.length === all.length) {
      throw new EngineError(
        'not_found',
        `No variable '${name}' in '${flags.environment}': 'nango variables list' shows them.`,
      );
    }
    await write(server, others);
    out.line(`Deleted variable '${name}' of '${flags.environment}'.`);
  });
};

function read(client: Client): Promise<Variable[]> {
  return client.call<Variable[]>('GET', '/environment-variables');
}

async function write(client: Client, variables: readonly Variable[]): Promise<void> {
  await client.call('PUT', '/environment-variables', { body: { variables } });
}
