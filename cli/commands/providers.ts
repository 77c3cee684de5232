import type { CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { oneLine } from '../output.ts';

type Provider = {
  readonly name: string;
  readonly display_name?: string;
  readonly auth_mode: string;
  readonly categories?: readonly string[];
};
type Flags = { readonly environment: string; readonly json?: boolean };

export const define: CommandModule['define'] = (command, { out, client }) => {
  command.argument('[search]', 'only those with this in their name or among their categories');
  withExample(
    withJson(withEnvironment(command)),
    'nango providers google',
    'nango providers accounting',
    'nango providers github --json',
  ).action(async (search: string | undefined, flags: Flags) => {
    const answer = await client(flags.environment).call<{ data: Provider[] }>('GET', '/providers', {
      query: { search },
    });
    if (flags.json) return out.json(answer);
    const rows = answer.data.map((one) =>
      [one.name, one.display_name ?? '', one.auth_mode, (one.categories ?? []).join(', ')].map((cell) => oneLine(cell)),
    );
    const none = `No provider has '${oneLine(search ?? '')}' in its name or categories: 'nango providers' lists all.`;
    out.table(['provider', 'name', 'auth', 'categories'], rows, none);
  });
};
