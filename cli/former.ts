/** Commands of the incumbent's CLI, past and present, that have another name here or none. */
import type { Command } from 'commander';
import { EngineError } from '../contract/failures.ts';

/** Other names of commands. They are taken and not shown. */
export const ALIASES: Readonly<Record<string, string>> = { tsc: 'dev', cli: 'cli-location' };

const CHECK = "Call 'nango compile': it checks nango.yaml, types and bundles of all scripts.";
const DEPLOY = "Call 'nango deploy <environment>': NANGO_HOSTPORT says to which server.";

/** What to do in place of a command that is not there. */
export const REFUSED: Readonly<Record<string, string>> = {
  clone:
    "There is no repository of templates to clone from: copy the template's folder into the project under the id of its " +
    "integration, import its scripts in index.ts, and call 'nango compile'.",
  'migrate-to-directories':
    'Nothing has to move: scripts beside nango.yaml are read in version 2, too. To have folders, move each script to ' +
    "<integration>/syncs or actions; 'nango compile' then names the imports to change.",
  'deploy:local': DEPLOY,
  dl: DEPLOY,
  'deploy:staging': DEPLOY,
  ds: DEPLOY,
  'admin:deploy': DEPLOY,
  'sync:dev': "Call 'nango dev': it watches the folder and shows mistakes as they come.",
  'sync:docker.run':
    "Call 'npm start' of the platform, or see its docker-compose.yml: syncs run there by their schedules.",
  'sync:config.check': CHECK,
  scc: CHECK,
};

/** Adds the refused ones, with whatever arguments they are called. */
export function addRefused(program: Command): void {
  for (const [name, advice] of Object.entries(REFUSED)) {
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new EngineError('invalid_body', `'nango ${name}' is not there. ${advice}`);
      });
  }
}
