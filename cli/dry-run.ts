/** One run of a script on this machine, in the same sandbox as in production and with the dry-run Host. */
import { randomBytes } from 'node:crypto';
import { EngineError, failureCode } from '../contract/failures.ts';
import type { Checkpoint, ConnectionView, LogLevel } from '../contract/host.ts';
import type { ScriptOutcome } from '../contract/script.ts';
import { checkRecord, type Difference } from '../manifest/check-record.ts';
import type { Manifest, TypeExpression } from '../manifest/manifest.ts';
import { DEFAULT_LIMITS } from '../sandbox/limits.ts';
import { createSandbox } from '../sandbox/pool.ts';
import type { CompiledScript } from './build.ts';
import { type Client, pathPart } from './client.ts';
import type { DryModel } from './dry-records.ts';
import { createDryHost } from './host.ts';
import { type Fixture, recordFixture } from './recorded/save.ts';
import { scriptFailure } from './script-failure.ts';

/** The wall clock of actions (facts: section 3.7). */
const ACTION_WALL_CLOCK_MS = 15 * 60_000;

export type DryRun = {
  readonly script: CompiledScript;
  readonly client: Client;
  readonly connection: ConnectionView;
  /** ISO time; null for a first run. */
  readonly lastSyncDate: string | null;
  /** Of a sync. @default 'base' */
  readonly variant?: string | undefined;
  readonly checkpoint: Checkpoint | null;
  /** JSON text. */
  readonly input: string | undefined;
  readonly log: (level: LogLevel, message: string) => void;
  readonly allow?: readonly string[];
  readonly signal: AbortSignal | undefined;
  /** JSON Schema of a sync's models, as it would be deployed: what does not fit is warned of, as it is there. */
  readonly schema?: unknown;
  /** Whether a recording is to be made. */
  readonly record?: boolean;
  /** Whether what does not fit the script's own zod schemas fails it. */
  readonly validate?: boolean;
};

export type DryRunResult = {
  readonly outcome: Extract<ScriptOutcome, { status: 'completed' }>;
  readonly requests: number;
  readonly records: readonly DryModel[];
  /** The recording, where one was asked for. */
  readonly fixture: Fixture | undefined;
};

/** Runs the script. Throws the script's own failure, with the author's file and line in front of its message. */
export async function runDry(run: DryRun): Promise<DryRunResult> {
  const { script, client, connection, variant = 'base' } = run;
  const models = script.kind === 'sync' ? script.definition.returns : [];
  // An on-event script can do what an action can.
  const kind = script.kind === 'sync' ? 'sync' : 'action';
  const dry = createDryHost({
    client,
    connection,
    kind,
    models,
    schema: run.schema,
    variant,
    checkpoint: run.checkpoint,
    log: run.log,
    allow: run.allow ?? [],
  });
  const paginate = await paginateDefaults(client, connection.provider);
  const recorder = run.record === true ? recordFixture(dry.host, paginate) : undefined;
  const sandbox = createSandbox({ maxChildren: 1 });
  try {
    const outcome = await sandbox.run({
      environment: client.environment,
      bundle: script.bundle,
      kind,
      context: {
        environmentName: client.environment,
        providerConfigKey: connection.provider_config_key,
        provider: connection.provider,
        connectionId: connection.connection_id,
        scriptName: script.definition.name,
        isCli: true,
        ...(run.validate === true ? { validate: true } : {}),
        ...(recorder === undefined ? {} : { recording: 'save' as const }),
        ...(paginate && { paginate }),
        ...(script.kind === 'sync' ? { lastSyncDate: run.lastSyncDate, variant, models } : {}),
      },
      input: run.input,
      seed: randomBytes(32).toString('hex'),
      clock: () => new Date(),
      host: recorder?.host ?? dry.host,
      limits: kind === 'action' ? { ...DEFAULT_LIMITS, wallClockMs: ACTION_WALL_CLOCK_MS } : DEFAULT_LIMITS,
      signal: run.signal ?? new AbortController().signal,
    });
    if (outcome.status === 'failed') throw scriptFailure(script.file, outcome.failure);
    // The other outcomes belong to runs with a journal.
    if (outcome.status !== 'completed') throw new EngineError('internal', `The dry run ended as '${outcome.status}'.`);
    const input = run.input === undefined ? {} : { input: JSON.parse(run.input) as unknown };
    const output =
      kind === 'sync' ? {} : { output: outcome.output === undefined ? null : (JSON.parse(outcome.output) as unknown) };
    const fixture = recorder?.fixture({ ...input, ...output });
    return { outcome, requests: dry.requests(), records: dry.records(), fixture };
  } finally {
    await sandbox.close();
  }
}

/** What the provider says of its lists; a provider that is gone from the server says nothing. */
async function paginateDefaults(client: Client, name: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  type Answer = { readonly data: { readonly proxy?: { readonly paginate?: Readonly<Record<string, unknown>> } } };
  try {
    const { data } = await client.call<Answer>('GET', `/providers/${pathPart(name)}`);
    return data.proxy?.paginate;
  } catch (error) {
    if (failureCode(error) === 'not_found') return undefined;
    throw error;
  }
}

/**
 * What does not fit the models: the records of a sync, the output of an action. One line each. Definitions with schemas
 * of their own were checked by these while they ran.
 */
export function differences(manifest: Manifest, script: CompiledScript, result: DryRunResult): string[] {
  if (manifest.version === 'zero-yaml') return [];
  const check = (value: unknown, type: TypeExpression, what: string) =>
    checkRecord(value, type, manifest.models).map((difference) => `${what}: ${differenceText(difference)}`);
  if (script.kind === 'action') {
    const { output } = script.definition;
    const text = result.outcome.output;
    return output === undefined ? [] : check(text === undefined ? undefined : JSON.parse(text), output, 'output');
  }
  return result.records.flatMap(({ model, saved }) =>
    saved.flatMap((row) => check(row, { kind: 'model', name: model }, `${model} '${idOf(row)}'`)),
  );
}

/** As `differences`, for the input of an action. */
export function inputDifferences(manifest: Manifest, script: CompiledScript, input: string | undefined): string[] {
  if (manifest.version === 'zero-yaml') return [];
  if (script.kind !== 'action' || script.definition.input === undefined) return [];
  const value: unknown = input === undefined ? undefined : JSON.parse(input);
  return checkRecord(value, script.definition.input, manifest.models).map((one) => `input: ${differenceText(one)}`);
}

function differenceText({ path, expected, got }: Difference): string {
  return `${path === '' ? '' : `'${path}' `}is ${got}: expected ${expected}`;
}

function idOf(row: unknown): string {
  return typeof row === 'object' && row !== null && 'id' in row ? String(row.id) : '';
}
