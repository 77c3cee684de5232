import type { CommandModule } from '../command.ts';
import { withExample, withJson } from '../command.ts';
import { installedPackage } from '../package.ts';

export const define: CommandModule['define'] = (command, { out }) => {
  withExample(withJson(command), 'nango version').action((flags: { readonly json?: boolean }) => {
    const { version } = installedPackage();
    if (flags.json) out.json({ version });
    else out.line(version);
  });
};
