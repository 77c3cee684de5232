/** Scripts as text, run in the real children against a small Host that remembers what it was asked. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import type { CallContext, Host, HostCallKind } from '../../contract/host.ts';
import type { ScriptBundle, ScriptFailure, ScriptOutcome, ScriptRun } from '../../contract/script.ts';
import { compileScript } from '../../sandbox/compile.ts';
import { DEFAULT_LIMITS } from '../../sandbox/limits.ts';
import { createSandbox, type SandboxOptions } from '../../sandbox/pool.ts';

export type Call = { readonly kind: HostCallKind; readonly args: Record<string, unknown>; readonly body?: string };
export type Options = Partial<Omit<ScriptRun, 'limits' | 'context' | 'host'>> & {
  readonly limits?: Partial<ScriptRun['limits']>;
  readonly context?: Partial<ScriptRun['context']>;
  readonly host?: Partial<Host>;
  readonly files?: Readonly<Record<string, string>>;
};

const SEED = '5a'.repeat(32);

/** Opens a sandbox that is closed after the file's tests. */
export function useSandbox(options: SandboxOptions = {}) {
  const sandbox = createSandbox({ maxChildren: 2, ...options });
  const folders: string[] = [];
  afterAll(async () => {
    await sandbox.close();
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
  });

  const compile = async (code: string, files: Readonly<Record<string, string>> = {}): Promise<ScriptBundle> => {
    const root = await mkdtemp(join(tmpdir(), 'script-'));
    folders.push(root);
    await writeFile(join(root, 'script.ts'), code);
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(root, name), text)));
    return compileScript({ root, file: 'script.ts' });
  };

  /** Runs a whole script file; `calls` are the host calls it made. */
  const run = async (code: string, options: Options = {}): Promise<{ outcome: ScriptOutcome; calls: Call[] }> => {
    const { host, limits, context, files, ...rest } = options;
    const calls: Call[] = [];
    const bundle = options.bundle ?? (await compile(code, files));
    const outcome = await sandbox.run({
      environment: 'dev',
      kind: 'action',
      input: undefined,
      seed: SEED,
      clock: () => new Date('2026-01-02T03:04:05.678Z'),
      signal: new AbortController().signal,
      ...rest,
      bundle,
      context: { ...CONTEXT, ...context },
      limits: { ...DEFAULT_LIMITS, cpuMs: 2000, wallClockMs: 15_000, memoryMb: 128, ...limits },
      host: remembering({ ...HOST, ...host }, calls),
    });
    return { outcome, calls };
  };

  /** The body of an action with `nango` and `input` in scope; the parsed output, or an error for a failed run. */
  const outputOf = async (body: string, options: Options = {}): Promise<unknown> => {
    const { outcome } = await run(action(body), options);
    if (outcome.status === 'failed') throw new Error(outcome.failure.message);
    if (outcome.status !== 'completed') throw new Error(`the run is ${outcome.status}`);
    return outcome.output === undefined ? undefined : JSON.parse(outcome.output);
  };

  const failureOf = async (code: string, options: Options = {}): Promise<ScriptFailure> => {
    const { outcome } = await run(code, options);
    if (outcome.status !== 'failed') throw new Error(`the run is ${outcome.status}`);
    return outcome.failure;
  };

  return { sandbox, compile, run, outputOf, failureOf };
}

/** An action's file around a body, which begins in line 2. */
export function action(body: string): string {
  return `export default async function runAction(nango: any, input: any) {\n${body}\n}\n`;
}

/** A sync's file around a body, which begins in line 2. */
export function sync(body: string): string {
  return `export default async function fetchData(nango: any) {\n${body}\n}\n`;
}

/** Options of a run of a sync that declares the model Task. */
export const SYNC = { kind: 'sync', context: { models: ['Task'], lastSyncDate: null } } as const;

const CONTEXT: ScriptRun['context'] = {
  environmentName: 'dev',
  providerConfigKey: 'tracker',
  provider: 'tracker',
  connectionId: 'acme',
  scriptName: 'tasks',
};

const HOST: Host = {
  request: async ({ config }) => ({
    value: { status: 200, statusText: 'OK', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ asked: config }),
  }),
  saveRecords: async () => ({ value: null }),
  updateRecords: async () => ({ value: null }),
  deleteRecords: async () => ({ value: null }),
  readRecords: async () => ({ value: { nextCursor: null }, body: '[]' }),
  startTracking: async () => ({ value: null }),
  deleteUnseen: async () => ({ value: { deletedKeys: ['gone'] } }),
  setMergingStrategy: async () => ({ value: null }),
  log: async () => ({ value: null }),
  getConnection: async () => ({
    value: {
      id: 1,
      connection_id: 'acme',
      provider_config_key: 'tracker',
      provider: 'tracker',
      connection_config: {},
      metadata: { team: 'blue' },
      credentials: { type: 'OAUTH2', access_token: 'a-token', raw: {} },
      created_at: '2026-01-01T00:00:00.000Z',
      updated_at: '2026-01-01T00:00:00.000Z',
    },
  }),
  setMetadata: async () => ({ value: null }),
  updateMetadata: async () => ({ value: null }),
  getCheckpoint: async () => ({ value: null }),
  saveCheckpoint: async () => ({ value: null }),
  getIntegration: async () => ({
    value: { unique_key: 'tracker', provider: 'tracker', display_name: 'Tracker', created_at: '', updated_at: '' },
  }),
  getEnvironmentVariables: async () => ({ value: [{ name: 'A', value: '1' }] }),
  acquireLock: async () => ({ value: true }),
  releaseLock: async () => ({ value: true }),
  uncontrolledFetch: async ({ url, method }, { body }) => ({
    value: { status: 201, statusText: 'Created', headers: { 'content-type': 'text/plain' } },
    body: `${method} ${url} ${body ?? ''}`,
  }),
  triggerAction: async ({ action }, { body }) => ({ value: null, body: JSON.stringify({ action, input: body }) }),
  triggerSync: async () => ({ value: null }),
  startSync: async () => ({ value: null }),
};

function remembering(host: Host, calls: Call[]): Host {
  const wrapped = Object.entries(host).map(([kind, method]) => [
    kind,
    (args: never, call: CallContext) => {
      const body = call.body === undefined ? {} : { body: call.body };
      calls.push({ kind: kind as HostCallKind, args, ...body });
      return method(args, call);
    },
  ]);
  return Object.fromEntries(wrapped) as Host;
}
