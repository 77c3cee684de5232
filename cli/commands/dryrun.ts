import { join, relative } from 'node:path';
import { EngineError } from '../../contract/failures.ts';
import type { Checkpoint, ConnectionView } from '../../contract/host.ts';
import type { Client } from '../client.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { Option } from 'commander';
import type { CompiledScript } from '../build.ts';
import { compileProject } from '../compile.ts';
import { type DeclaredScript, readDeclarations } from '../declared.ts';
import { type DryRunResult, differences, inputDifferences, runDry } from '../dry-run.ts';
import { fetchConnection } from '../host.ts';
import { modelsByName, outputText, printModels } from '../dry-output.ts';
import { readJsonArgument, readObjectArgument } from '../json-argument.ts';
import { count, oneLine } from '../output.ts';
import { schemaOfScript } from '../../manifest/json-schema.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import { type Project, writeGenerated } from '../project.ts';
import { DEFAULT_LIMITS } from '../../sandbox/limits.ts';
import { integrationFolder } from '../recorded/find.ts';

export const failureExitCode = 12;

type Flags = {
  readonly environment: string;
  readonly lastSyncDate?: string;
  readonly input?: string;
  readonly metadata?: string;
  readonly checkpoint?: string;
  readonly integrationId?: string;
  readonly variant?: string;
  readonly diagnostics?: boolean;
  readonly validate?: boolean;
  readonly validation?: boolean;
  readonly save?: boolean;
  readonly saveResponses?: boolean;
  readonly json?: boolean;
};
type Place = { readonly script: CompiledScript; readonly connection: ConnectionView };

export const define: CommandModule['define'] = (command, context) => {
  command
    .argument('<name>', 'the name of a sync, an action or an on-event script')
    .argument('<connection-id>', 'the connection on the server to run it for')
    .option('-l, --lastSyncDate <date>', 'run as if the last successful run began then')
    .option('-i, --input <json>', 'input of an action, as JSON or @file')
    .option('-m, --metadata <json>', "metadata in place of the connection's, as JSON or @file")
    .option('-c, --checkpoint <json>', 'what the script finds as its checkpoint, as JSON or @file')
    .option('--integration-id <id>', 'where several integrations have the name and the connection')
    .option('--variant <name>', 'run a sync as this variant of it')
    .option('--validate', 'fail when input, output or records do not fit their models')
    .option('--save', 'keep what happened as the recording of `nango test`; implies --validate')
    .option('--diagnostics', 'say how long it took and under which limits')
    .addOption(new Option('--validation', 'as --validate').hideHelp())
    .addOption(new Option('--save-responses', 'as --save').hideHelp());
  withExample(
    withJson(withEnvironment(command)),
    'nango dryrun tasks acme -l 2026-01-31',
    `nango dryrun post-message acme --input '{"channel": "general", "text": "Hello"}'`,
  ).action((name: string, connectionId: string, flags: Flags) => dryRun(context, name, connectionId, flags));
};

/** Compiles and runs one script and prints what it did. */
export async function dryRun(context: CommandContext, name: string, connectionId: string, flags: Flags): Promise<void> {
  const { out, io } = context;
  const project = context.project();
  const { scripts: declared } = await readDeclarations(project);
  if (!declared.some((script) => script.name === name)) throw unknownScript(name, declared);
  const lastSyncDate = lastSyncDateOf(flags.lastSyncDate);
  const input = flags.input === undefined ? undefined : await readJsonArgument('--input', flags.input, io.cwd);
  const metadata = await readObjectArgument('--metadata', flags.metadata, context.io.cwd);
  const checkpoint = checkpointOf(await readObjectArgument('--checkpoint', flags.checkpoint, context.io.cwd));
  const wanted = (script: DeclaredScript) => script.name === name;
  const { scripts, manifest } = await out.during('Compiling', () =>
    compileProject(project, { wanted, signal: io.signal }),
  );
  const client = context.client(flags.environment);
  const place = await findPlace(client, scripts, connectionId, flags.integrationId);
  const { script } = place;
  const save = flags.save === true || flags.saveResponses === true;
  const validate = flags.validate === true || flags.validation === true || save;
  if (validate) failOn(inputDifferences(manifest, script, input));
  const begun = performance.now();
  const result = await out.during(`Running '${name}'`, () =>
    runDry({
      script,
      client,
      connection: metadata === undefined ? place.connection : { ...place.connection, metadata },
      lastSyncDate,
      variant: flags.variant,
      checkpoint,
      input,
      // Logs are no result: `nango dryrun … | jq` gets the result alone.
      log: (level, message) => out.note(`${level} ${oneLine(message, 20_000)}`),
      allow: (context.settings().variables['NANGO_OUTBOUND_ALLOW'] ?? '').split(/[\s,]+/).filter((part) => part !== ''),
      signal: io.signal,
      record: save,
      validate,
      // With --validate it is no warning but a failure.
      schema: validate ? undefined : schemaOf(script, manifest),
    }),
  );
  if (flags.diagnostics) out.note(diagnostics(result, performance.now() - begun));
  if (flags.json) out.json(jsonResult(script.kind, result));
  else if (script.kind === 'action') out.line(outputText(result.outcome.output));
  else if (script.kind === 'on-event') out.line(`Ran for '${connectionId}': ${count(result.requests, 'request')}.`);
  else printRecords(context, name, place.connection, result);
  if (validate) failOn(differences(manifest, script, result));
  if (result.fixture !== undefined) await saveFixture(context, project, script, result.fixture);
}

function schemaOf(script: CompiledScript, { models }: Manifest): unknown {
  if (script.kind !== 'sync') return undefined;
  const { schema, returns } = script.definition;
  return schema ?? schemaOfScript(models, returns, []);
}

// What a script used beyond these would have ended it.
function diagnostics({ outcome, requests }: DryRunResult, ms: number): string {
  const { memoryMb, cpuMs } = DEFAULT_LIMITS;
  const took = `${(ms / 1_000).toFixed(2)} s, ${count(outcome.calls, 'call')} of nango, ${count(requests, 'request')}`;
  return `Diagnostics: ${took}; within ${memoryMb} MB of memory and ${cpuMs / 1_000} s of CPU between two calls.`;
}

/** Where `nango test` looks for it. A recording that is there is made anew: that is what the flag is for. */
async function saveFixture(
  { out }: CommandContext,
  project: Project,
  { file, name }: CompiledScript,
  fixture: object,
): Promise<void> {
  const path = join(integrationFolder(project.folder, file), 'tests', `${name}.test.json`);
  await writeGenerated(path, `${JSON.stringify(fixture, null, 2)}\n`);
  out.note(`Recorded ${relative(project.folder, path)}: 'nango test' runs the script on it.`);
}

function printRecords({ out }: CommandContext, name: string, connection: ConnectionView, result: DryRunResult): void {
  out.line(
    `Dry run of sync '${name}' for connection '${connection.connection_id}': ${count(result.requests, 'request')}.`,
  );
  printModels(out, result.records);
  out.line(result.records.length === 0 ? 'The script saved nothing.' : 'Nothing was stored.');
}

function jsonResult(kind: CompiledScript['kind'], result: DryRunResult): unknown {
  const { requests, records, outcome } = result;
  if (kind !== 'sync') return { requests, output: outcome.output === undefined ? null : JSON.parse(outcome.output) };
  return { requests, models: modelsByName(records) };
}

/** The script of the one integration that has the connection, with that connection. */
async function findPlace(
  client: Client,
  candidates: readonly CompiledScript[],
  connectionId: string,
  chosen: string | undefined,
): Promise<Place> {
  const integrations = [...new Set(candidates.map((script) => script.integration))];
  const integration = chosen ?? (await inferIntegration(client, integrations, connectionId));
  const script = candidates.find((candidate) => candidate.integration === integration);
  if (script !== undefined) {
    return { script, connection: await fetchConnection(client, { providerConfigKey: integration, connectionId }) };
  }
  const known = integrations.map((one) => `'${one}'`).join(', ');
  throw new EngineError(
    'unknown_provider_config',
    `Integration '${integration}' has no such script: expected ${known}.`,
  );
}

async function inferIntegration(
  client: Client,
  integrations: readonly string[],
  connectionId: string,
): Promise<string> {
  const [only] = integrations;
  if (integrations.length === 1 && only !== undefined) return only;
  type Listed = { readonly connection_id: string; readonly provider_config_key: string };
  const { connections } = await client.call<{ connections: Listed[] }>('GET', '/connections', {
    query: { connectionId },
  });
  const matching = connections
    .filter((one) => one.connection_id === connectionId && integrations.includes(one.provider_config_key))
    .map((one) => one.provider_config_key);
  const [found] = matching;
  if (matching.length === 1 && found !== undefined) return found;
  const all = integrations.map((one) => `'${one}'`).join(', ');
  throw matching.length === 0
    ? new EngineError(
        'unknown_connection',
        `Connection '${connectionId}' is in none of the integrations that have the script: ${all}.`,
      )
    : new EngineError(
        'conflict',
        `Connection '${connectionId}' is in several integrations that have the script: pass --integration-id, one of ${all}.`,
      );
}

function lastSyncDateOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  const date = new Date(text);
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  throw new EngineError(
    'invalid_body',
    `Date '${text}' of --lastSyncDate is none: expected one such as 2026-01-31T12:00:00Z.`,
  );
}

function checkpointOf(value: Record<string, unknown> | undefined): Checkpoint | null {
  if (value === undefined) return null;
  const wrong = Object.entries(value).find(([, member]) => !['string', 'number', 'boolean'].includes(typeof member));
  if (wrong === undefined) return value as Checkpoint;
  throw new EngineError('invalid_body', `Key '${wrong[0]}' of --checkpoint: expected a text, a number, true or false.`);
}

function failOn(mistakes: readonly string[]): void {
  if (mistakes.length > 0) throw new EngineError('record_invalid', 'The models do not fit', { details: { mistakes } });
}

function unknownScript(name: string, declared: readonly DeclaredScript[]): EngineError {
  const known = declared.map((script) => `'${script.name}'`).join(', ') || 'none';
  return new EngineError('not_found', `No script '${name}' in the project: expected one of ${known}.`);
}
