import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { installedPackage } from '../package.ts';

export const define: CommandModule['define'] = (command, { out }) => {
  withExample(command, 'nango version').action(() => out.line(installedPackage().version));
};
