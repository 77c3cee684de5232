/** Syncs written in a test that save records, and reading what they left. */
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts, type TestScript } from './deploy-scripts.ts';
import { type RunJson, runSync, type TestPlatform } from './platform.ts';

export type StoredRecord = {
  readonly id: unknown;
  readonly _nango_metadata: { readonly last_action: string; readonly cursor: string };
} & Readonly<Record<string, unknown>>;
export type DeployedSync = { readonly integration: string; readonly connection: string; readonly name: string };

/** Syncs of the model Task, each of a connection of its own, that run when they are told to. */
export function recordScripts(platform: TestPlatform) {
  const deploy = async (name: string, body: string, options: Partial<TestScript> = {}): Promise<DeployedSync> => {
    await createIntegration(platform.caller, 'task-tracker', 'example-tracker');
    await createConnection(platform.caller, 'task-tracker', name);
    await deployScripts(platform.caller, 'task-tracker', [{ name, source: scriptOf(body), ...options }]);
    return { integration: 'task-tracker', connection: name, name };
  };
  const read = async (sync: DeployedSync, query = ''): Promise<StoredRecord[]> => {
    const headers = { 'provider-config-key': sync.integration, 'connection-id': sync.connection };
    const path = `/records?model=Task&limit=10000${query}`;
    return (await call<{ records: StoredRecord[] }>(platform.caller, 'GET', path, undefined, [], headers)).records;
  };
  const run = async (
    name: string,
    body: string,
    options: Partial<TestScript> = {},
  ): Promise<{ sync: DeployedSync; run: RunJson; records: StoredRecord[] }> => {
    const sync = await deploy(name, body, options);
    return { sync, run: await runSync(platform, sync), records: await read(sync) };
  };
  return { deploy, read, run };
}

/** The file of a sync around a body, which begins in line 2. */
export function scriptOf(body: string): string {
  return `export default async function fetchData(nango: any) {\n${body}\n}`;
}

/** The log of a run as `level message`. */
export function messages({ logs }: RunJson): string[] {
  return logs.map(({ level, message }) => `${level} ${message}`);
}
