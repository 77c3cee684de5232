import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Caller, call } from '../../platform/example.ts';
import { compileScript, packForDeploy } from '../../sandbox/compile.ts';

export type TestScript = {
  readonly name: string;
  readonly source: string;
  readonly type?: 'sync' | 'action';
  readonly models?: readonly string[];
  readonly runs?: string;
  readonly autoStart?: boolean;
  readonly syncType?: 'full' | 'incremental';
  /** Of an action: its input's model and the schema that has it. */
  readonly input?: string;
  readonly jsonSchema?: object;
  /** A full refresh whose missing records are deleted. */
  readonly trackDeletes?: boolean;
  readonly deletionGuard?: number;
  readonly validation?: 'off' | 'warn' | 'error';
  /** The model Task as JSON Schema; without one nothing is checked. */
  readonly taskSchema?: object;
};

/** Compiles scripts written in a test and deploys them through the API, as the CLI does. */
export async function deployScripts(
  caller: Caller,
  integration: string,
  scripts: readonly TestScript[],
  options: { readonly reconcile?: boolean } = {},
): Promise<unknown> {
  const root = await mkdtemp(join(tmpdir(), 'nango-test-scripts-'));
  try {
    const flowConfigs = await Promise.all(scripts.map((script) => flowConfig(root, integration, script)));
    const { reconcile = false } = options;
    return await call(caller, 'POST', '/sync/deploy', { flowConfigs, nangoYamlBody: '', reconcile, debug: false });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function flowConfig(root: string, integration: string, script: TestScript) {
  const { name, source, type = 'sync', models = type === 'sync' ? ['Task'] : [] } = script;
  await writeFile(join(root, `${name}.ts`), source);
  const bundle = await compileScript({ root, file: `${name}.ts` });
  return {
    type,
    syncName: name,
    providerConfigKey: integration,
    models,
    runs: type === 'sync' ? (script.runs ?? 'every 1h') : null,
    track_deletes: script.trackDeletes ?? false,
    ...(script.validation !== undefined && { validation: script.validation }),
    ...(script.taskSchema !== undefined && { models_json_schema: { definitions: { Task: script.taskSchema } } }),
    ...(script.deletionGuard !== undefined && { deletion_guard: script.deletionGuard }),
    auto_start: script.autoStart ?? false,
    ...(type === 'sync' && { sync_type: script.syncType ?? (script.trackDeletes ? 'full' : 'incremental') }),
    ...(script.input !== undefined && { input: script.input, models_json_schema: script.jsonSchema }),
    metadata: {},
    fileBody: { js: packForDeploy(bundle), ts: source },
  };
}
