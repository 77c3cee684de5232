import { join } from 'node:path';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { installedPackage } from '../package.ts';

export const define: CommandModule['define'] = (command, { out }) => {
  withExample(command, 'node "$(nango cli-location)" version').action(() =>
    out.line(join(installedPackage().root, 'bin', 'nango.js')),
  );
};
