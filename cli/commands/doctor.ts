import { EngineError, type EngineError as Failure } from '../../contract/failures.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { readDeclarations } from '../declared.ts';
import { exchange } from '../exchange.ts';
import { count, oneLine } from '../output.ts';
import { installedPackage, startCommand } from '../package.ts';
import { isTaken, wantedPorts } from '../ports.ts';
import { declaringFile } from '../project.ts';

type Check = {
  readonly what: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly found: string;
  /** What to do, where something is wrong. */
  readonly advice?: string;
};
type Flags = { readonly environment: string; readonly json?: boolean };

const ANSWER_WITHIN_MS = 3_000;

export const define: CommandModule['define'] = (command, context) => {
  withExample(withJson(withEnvironment(command)), 'nango doctor').action(async (flags: Flags) => {
    const checks = [checkNode(), ...(await checkProject(context)), ...(await checkServer(context, flags.environment))];
    if (flags.json) context.out.json({ checks });
    else for (const check of checks) printCheck(context, check);
    const failed = checks.filter(({ state }) => state === 'failed');
    if (failed.length > 0) throw new EngineError('configuration_invalid', `${count(failed.length, 'check')} failed.`);
  });
};

function printCheck({ out }: CommandContext, { what, state, found, advice }: Check): void {
  const style = { ok: 'green', warning: 'yellow', failed: 'red' } as const;
  out.line(`${out.style(style[state], state.padEnd(7))} ${what}: ${oneLine(found, 500)}`);
  if (advice !== undefined) out.line(`        ${oneLine(advice, 500)}`);
}

function checkNode(): Check {
  const { node } = process.versions;
  const { version, isClone } = installedPackage();
  return { what: 'CLI', state: 'ok', found: `${version} on Node ${node}${isClone ? ', from a clone' : ''}` };
}

async function checkProject({ io, foundProject }: CommandContext): Promise<Check[]> {
  const project = foundProject();
  if (project === undefined)
    return [
      {
        what: 'Project',
        state: 'warning',
        found: `none in '${io.cwd}'`,
        advice: "Change to your integrations, or make some with 'nango init'.",
      },
    ];
  try {
    const { scripts, manifest } = await readDeclarations(project);
    const missing = scripts.filter(({ exists }) => !exists);
    const form = manifest?.version ?? 'zero-yaml';
    const found = `${project.folder} (${form}, ${count(scripts.length, 'script')})`;
    if (missing.length === 0) return [{ what: 'Project', state: 'ok', found }];
    return [
      {
        what: 'Project',
        state: 'failed',
        found: `${found}, ${count(missing.length, 'file')} missing`,
        advice: "'nango compile' names them.",
      },
    ];
  } catch (error) {
    const { message } = error as Failure;
    return [
      {
        what: 'Project',
        state: 'failed',
        found: message,
        advice: `Mend ${declaringFile(project)}: 'nango compile' shows every mistake.`,
      },
    ];
  }
}

async function checkServer(context: CommandContext, environment: string): Promise<Check[]> {
  const { server } = context.settings();
  const root = await ask(server, '/');
  if (root?.name !== 'nango-temporal') {
    const found = root === undefined ? `nothing answers at ${server}` : `something else answers at ${server}`;
    return [
      {
        what: 'Server',
        state: 'failed',
        found,
        advice: `Start it with '${startCommand()}', or set NANGO_HOSTPORT to its address.`,
      },
      ...(await checkPorts(server)),
    ];
  }
  const own = installedPackage().version;
  const checks: Check[] = [
    root.version === own
      ? { what: 'Server', state: 'ok', found: `${server}, version ${own}` }
      : {
          what: 'Server',
          state: 'warning',
          found: `${server}, version ${root.version}, and this CLI is ${own}`,
          advice: 'Bring both to one version.',
        },
  ];
  const ready = await ask(server, '/ready');
  if (ready?.result !== 'ok')
    checks.push({
      what: 'Parts',
      state: 'failed',
      found: `Postgres ${ready?.store ?? 'unknown'}; migrations ${ready?.migrations ?? 'unknown'}; Temporal ${ready?.engine ?? 'unknown'}; workers ${ready?.workers ?? 'unknown'}`,
      advice: `Look at the output of '${startCommand()}', or of the services that DATABASE_URL and TEMPORAL_ADDRESS name.`,
    });
  else checks.push({ what: 'Parts', state: 'ok', found: 'Postgres and Temporal answer, workers ask for work' });
  return [...checks, ...(await checkKey(context, environment))];
}

/** Whether the platform could be started here. */
async function checkPorts(server: string): Promise<Check[]> {
  const ports = wantedPorts(server);
  const taken = (await Promise.all(ports.map(({ port }) => isTaken(port)))).flatMap(
    (is, at) => (is && ports[at]) || [],
  );
  if (ports.length > 0 && taken.length === 0)
    return [{ what: 'Ports', state: 'ok', found: `${ports.map(({ port }) => port).join(' and ')} are free for it` }];
  return taken.map(({ port, setting }) => ({
    what: 'Ports',
    // The Web UI is not there where Temporal runs elsewhere.
    state: setting === 'SERVER_PORT' ? 'failed' : 'warning',
    found: `${port} is taken by another program`,
    advice:
      setting === 'SERVER_PORT'
        ? `End that program, or take another port: 'SERVER_PORT=${port + 100} ${startCommand()}', and NANGO_HOSTPORT=http://localhost:${port + 100} here.`
        : `End that program, or take another port: '${setting}=${port + 100} ${startCommand()}'.`,
  }));
}

async function checkKey(context: CommandContext, environment: string): Promise<Check[]> {
  try {
    const { data } = await context.client(environment).call<{ data: { unique_key: string }[] }>('GET', '/integrations');
    const key: Check = { what: 'Secret key', state: 'ok', found: `accepted for '${environment}'` };
    const there = new Set(data.map((one) => one.unique_key));
    const project = context.foundProject();
    const { scripts } =
      project === undefined ? { scripts: [] } : await readDeclarations(project).catch(() => ({ scripts: [] }));
    const missing = [...new Set(scripts.map(({ integration }) => integration))].filter((id) => !there.has(id));
    if (missing.length === 0) return [key];
    const found = `${missing.map((id) => `'${id}'`).join(', ')} not on the server`;
    return [
      key,
      {
        what: 'Integrations',
        state: 'warning',
        found,
        advice: "Make them: 'nango integrations create <id> --provider <provider>'.",
      },
    ];
  } catch (error) {
    return [{ what: 'Secret key', state: 'failed', found: (error as Failure).message }];
  }
}

type Answer = {
  readonly name?: string;
  readonly version?: string;
  readonly result?: string;
  readonly store?: string;
  readonly engine?: string;
  readonly migrations?: string;
  readonly workers?: string;
};

async function ask(server: string, path: string): Promise<Answer | undefined> {
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const { body } = await exchange(server, { method: 'GET', path, headers: {}, signal });
    const answer: unknown = JSON.parse(body.toString('utf8'));
    return typeof answer === 'object' && answer !== null ? answer : {};
  } catch (error) {
    return error instanceof SyntaxError ? {} : undefined;
  }
}
