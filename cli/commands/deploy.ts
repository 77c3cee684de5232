import { EngineError, failureCode } from '../../contract/failures.ts';
import type { Client } from '../client.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { withExample, withInterfaces, withJson } from '../command.ts';
import type { CompiledProject } from '../build.ts';
import { compileProject } from '../compile.ts';
import { type DeclaredScript, readDeclarations } from '../declared.ts';
import { type DeployScope, deployBody } from '../deploy-body.ts';
import { type DeployPlan, describeRemovals, type PlannedScript, printPlan, removalsInUse } from '../deploy-plan.ts';
import { count, type Output, oneLine } from '../output.ts';
import { installedPackage } from '../package.ts';
import type { Project } from '../project.ts';
import { askForYes } from '../questions.ts';
import { noteWarnings } from '../warnings.ts';

export const failureExitCode = 11;
export const asks = true;

type DeployFlags = {
  readonly version?: string;
  readonly sync?: string;
  readonly action?: string;
  readonly integration?: string;
  readonly allowDestructive?: boolean;
  readonly compileInterfaces: boolean;
  readonly plan?: boolean;
  readonly json?: boolean;
};
/** One entry of the server's answer; what it may leave out is shown only when it is there. */
type Deployed = PlannedScript & {
  readonly type: string;
  readonly version?: string | number;
  readonly change?: string;
  readonly firstRuns?: readonly {
    readonly connectionId: string;
    readonly runId: string;
    readonly link?: string | null;
  }[];
  readonly nextRunAt?: string | null;
};

export const define: CommandModule['define'] = (command, context) => {
  command
    .argument('<environment>', 'environment on the server, such as dev or prod')
    .option('-v, --version <version>', 'give the scripts this version')
    .option('-s, --sync <name>', 'deploy only this sync')
    .option('-a, --action <name>', 'deploy only this action')
    .option('-i, --integration <id>', 'deploy only the scripts of this integration')
    .option('--allow-destructive', 'with --auto-confirm: remove scripts that connections use, without a question')
    .option('--plan', 'show what would be added, changed and removed, and deploy nothing');
  withExample(
    withJson(withInterfaces(command)),
    'nango deploy dev',
    'nango deploy prod --plan --json',
    'nango deploy prod --auto-confirm --allow-destructive',
  ).action((environment: string, flags: DeployFlags) => deploy(context, environment, flags));
};

async function deploy(context: CommandContext, environment: string, flags: DeployFlags): Promise<void> {
  const { out } = context;
  const project = context.project();
  const wanted = await selection(project, flags);
  // What is deployed is always made of the sources as they are.
  const options = { wanted, fresh: true, generates: flags.compileInterfaces, signal: context.io.signal };
  const compiled = await out.during('Compiling', () => compileProject(project, options));
  noteWarnings(out, compiled.warnings);
  const client = context.client(environment);
  const body = deployBody(compiled, scopeOf(flags), installedPackage().version);
  const plan = await client.call<DeployPlan>('POST', '/sync/deploy/confirmation', { body }).catch(adviseOn(compiled));
  if (!flags.json) {
    out.line(`Plan for environment '${environment}' at ${client.server}:`);
    printPlan(out, plan);
  }
  if (flags.plan) {
    if (flags.json) out.json({ plan });
    return;
  }
  await confirmRemovals(context, plan, flags);
  const deployed = await client.call<readonly Deployed[]>('POST', '/sync/deploy', { body }).catch(adviseOn(compiled));
  if (flags.json) out.json({ plan, deployed });
  else printDeployed(context, client, deployed);
}

/** Which scripts the flags pick; undefined for all. Throws when they name something that is not there. */
async function selection(
  project: Project,
  flags: DeployFlags,
): Promise<((script: DeclaredScript) => boolean) | undefined> {
  const { sync, action, integration } = flags;
  if (sync === undefined && action === undefined && integration === undefined) return undefined;
  const wanted = (script: DeclaredScript) =>
    (integration === undefined || script.integration === integration) &&
    ((sync === undefined && action === undefined) ||
      (script.kind === 'sync' && script.name === sync) ||
      (script.kind === 'action' && script.name === action));
  const { scripts: declared } = await readDeclarations(project);
  if (declared.some(wanted)) return wanted;
  const asked = [
    sync && `sync '${sync}'`,
    action && `action '${action}'`,
    integration && `integration '${integration}'`,
  ];
  const there = declared.map((script) => `${script.integration}/${script.name} (${script.kind})`);
  throw new EngineError(
    'not_found',
    `No script of the project matches ${asked.filter(Boolean).join(' and ')}: expected one of ${there.join(', ') || 'none'}.`,
  );
}

function scopeOf(flags: DeployFlags): DeployScope {
  const single = flags.sync !== undefined || flags.action !== undefined;
  return { mode: single ? 'single' : flags.integration === undefined ? 'all' : 'integration', version: flags.version };
}

/** Throws `conflict` unless nobody loses anything, the user typed yes, or both flags gave leave before. */
async function confirmRemovals(context: CommandContext, plan: DeployPlan, flags: DeployFlags): Promise<void> {
  const removals = removalsInUse(plan);
  if (removals.length === 0 || (context.flags().autoConfirm && flags.allowDestructive === true)) return;
  const what = oneLine(describeRemovals(removals), 1_000);
  if (!context.isInteractive()) {
    throw new EngineError(
      'conflict',
      `Nothing was deployed, since it would remove ${what}: put them back, or pass --auto-confirm --allow-destructive.`,
    );
  }
  if (await askForYes(context.io, `This removes ${what}. Their records stay.`)) return;
  throw new EngineError('conflict', 'Nothing was deployed: the removal was not confirmed.');
}

// The one refusal everybody meets on a fresh server.
function adviseOn(compiled: CompiledProject): (error: unknown) => never {
  const integrations = [...new Set(compiled.scripts.map((script) => script.integration))].join("', '");
  return (error) => {
    if (failureCode(error) !== 'unknown_provider_config') throw error;
    const { code, message, details } = error as EngineError;
    const advice = `Make the integrations of the project ('${integrations}') first: 'nango integrations create <id> --provider <provider>'.`;
    throw new EngineError(code, message, {
      cause: error,
      details: { mistakes: [...(details.mistakes ?? [message]), advice] },
    });
  };
}

function printDeployed({ out }: CommandContext, client: Client, deployed: readonly Deployed[]): void {
  if (deployed.length === 0) {
    out.line(`Environment '${client.environment}' has no scripts of this project now.`);
    return;
  }
  out.line(out.style('green', `Deployed ${count(deployed.length, 'script')} to '${client.environment}'.`));
  for (const script of deployed) printScript(out, script);
}

function printScript(out: Output, script: Deployed): void {
  const version = script.version === undefined ? '' : ` v${script.version}`;
  const facts = [
    script.change,
    script.connections === undefined ? undefined : count(script.connections, 'connection'),
    script.nextRunAt ? `next run ${script.nextRunAt}` : undefined,
  ].filter((fact) => fact !== undefined);
  const tail = facts.length === 0 ? '' : `: ${facts.join(', ')}`;
  out.line(oneLine(`- ${script.type} ${script.name}${version} (${script.providerConfigKey})${tail}`, 500));
  for (const run of script.firstRuns ?? []) {
    out.line(oneLine(`    first run of '${run.connectionId}': ${run.runId}${run.link ? `  ${run.link}` : ''}`, 1_000));
  }
}
