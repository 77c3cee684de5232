import { pathPart } from '../client.ts';
import type { CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { oneLine } from '../output.ts';

type Flags = { readonly environment: string; readonly json?: boolean };
type Cancellation = { readonly run_id: string; readonly state: 'cancelled' | 'cancelling' };

const MEANINGS = {
  cancelled: 'is cancelled',
  cancelling: 'is being stopped by its worker',
} as const satisfies Record<Cancellation['state'], string>;

export const define: CommandModule['define'] = (command, { out, client }) => {
  command.argument('<id>', 'the id of the run, as trigger and runs print it');
  withExample(withJson(withEnvironment(command)), 'nango cancel 0193f6c2-5c1e-7d5b-9a1f-3f0a5e0c1d2b').action(
    async (id: string, flags: Flags) => {
      const path = `/runs/${pathPart(id)}/cancel`;
      const answer = await client(flags.environment).call<Cancellation>('POST', path);
      if (flags.json) return out.json(answer);
      out.line(`Run ${oneLine(answer.run_id)} ${MEANINGS[answer.state]}`);
    },
  );
};
