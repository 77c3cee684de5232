/** What the CLI is told from outside: the server's address and the secret keys. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseEnv } from 'node:util';
import { EngineError } from '../contract/failures.ts';
import { errnoOf } from './errno.ts';
import type { Env } from './io.ts';
import { startCommand } from './package.ts';
import type { Project } from './project.ts';

const DEFAULT_SERVER = 'http://localhost:3003';

export type Settings = {
  /** Each variable from the first place that has it: the environment, `.env` of the project, of its parent, of a platform in them. */
  readonly variables: Env;
  /** The server's base URL, without a slash at its end. */
  readonly server: string;
  /** The `.env` that a message should name. */
  readonly envFile: string;
};

/** Reads the settings. Without a project, those of `cwd` are read. Throws `configuration_invalid` for a bad address. */
export function readSettings(cwd: string, env: Env, project: Project | undefined): Settings {
  const folder = project?.folder ?? cwd;
  const homes = project === undefined ? [cwd] : [folder, dirname(folder)];
  // The platform keeps what it made in `.local` of where it was started: whoever started it there need not copy the keys.
  const files = [...homes.map((home) => join(home, '.env')), ...homes.map((home) => join(home, '.local', '.env'))];
  // The nearer place is laid over the farther one; an empty value counts as none.
  const places: Env[] = [...files.map(readEnvFile).reverse(), env];
  const variables: Env = Object.assign({}, ...places.map(filled));
  return { variables, server: serverAddress(variables), envFile: relative(cwd, join(folder, '.env')) || '.env' };
}

/** `NANGO_SECRET_KEY_DEV` for the environment `dev`. */
function secretKeyVariable(environment: string): string {
  return `NANGO_SECRET_KEY_${environment.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
}

/** The secret key of an environment and the variable it came from. Throws `missing_auth_header` where there is none. */
export function secretKey(
  settings: Settings,
  environment: string,
): { readonly key: string; readonly variable: string } {
  const own = secretKeyVariable(environment);
  for (const variable of [own, 'NANGO_SECRET_KEY']) {
    const key = settings.variables[variable];
    if (key !== undefined) return { key, variable };
  }
  throw new EngineError(
    'missing_auth_header',
    `No secret key for environment '${environment}': set ${own} (or NANGO_SECRET_KEY) in the environment or in ` +
      `'${settings.envFile}'. '${startCommand()}' of the platform prints the keys and keeps them in its .local/.env.`,
  );
}

function serverAddress(variables: Env): string {
  const text = variables['NANGO_HOSTPORT'] ?? DEFAULT_SERVER;
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') {
    return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  }
  // The text is shown without what could be a password.
  const shown = text.replace(/\/\/[^@/]*@/, '//');
  throw new EngineError(
    'configuration_invalid',
    `NANGO_HOSTPORT '${shown}' is no address of a server: expected http:// or https:// and host, such as '${DEFAULT_SERVER}'.`,
  );
}

function readEnvFile(path: string): Env {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return {};
    throw new EngineError(
      'configuration_invalid',
      `Settings in '${path}' cannot be read: expected a readable text file.`,
      {
        cause: error,
      },
    );
  }
}

function filled(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
}
