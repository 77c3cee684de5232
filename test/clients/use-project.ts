import { beforeAll } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, type TestPlatform, usePlatform } from '../support/platform.ts';
import { type Upstream, useUpstream } from '../support/upstream.ts';

const TASKS = `
export default async function fetchData(nango: any) {
  await nango.batchSave([{ id: '1', title: 'one' }, { id: '2', title: 'two' }], 'Task');
}`;
const ECHO = 'export default async function runAction(nango: any, input: any) { return { got: input }; }';
const REFUSE = `
export default async function runAction(nango: any) {
  throw new nango.ActionError({ reason: 'closed' });
}`;

/**
 * The whole engine with what a client works on: connection `acme` of `tracker` with sync `tasks` (two records saved) and
 * actions `echo`, `refuse` and `spare`, and connection `octo` of `github`, an OAuth integration.
 */
export function useProject(): { readonly platform: TestPlatform; readonly upstream: Upstream } {
  const platform = usePlatform();
  const upstream = useUpstream();
  beforeAll(async () => {
    const { caller } = platform;
    await createIntegration(caller, 'tracker', 'example-tracker');
    await createConnection(caller, 'tracker', 'acme');
    await call(caller, 'POST', '/integrations', {
      unique_key: 'github',
      provider: 'github',
      credentials: { type: 'OAUTH2', client_id: 'id', client_secret: 'secret' },
    });
    await call(caller, 'POST', '/connections', {
      provider_config_key: 'github',
      connection_id: 'octo',
      credentials: { type: 'OAUTH2', access_token: 'gho_1', raw: { access_token: 'gho_1' } },
      end_user: { id: 'ada' },
    });
    await deployScripts(caller, 'tracker', [
      { name: 'tasks', source: TASKS },
      { name: 'echo', source: ECHO, type: 'action' },
      { name: 'refuse', source: REFUSE, type: 'action' },
      { name: 'spare', source: ECHO, type: 'action' },
    ]);
    await runSync(platform, { integration: 'tracker', connection: 'acme', name: 'tasks' });
  }, 180_000);
  return { platform, upstream };
}

/** The names of a class's public methods, as the class itself has them. */
export function methodsOf(client: { readonly prototype: object }): string[] {
  return Object.getOwnPropertyNames(client.prototype).filter((name) => name !== 'constructor' && !name.startsWith('_'));
}

/** What a call came to: its value, or the status and code of the answer that refused it, or its own message. */
export async function outcomeOf(work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    const { response, message } = error as {
      message: string;
      response?: { status: number; data: { error?: { code: string } } };
    };
    return response === undefined ? { thrown: message } : { refused: response.status, code: response.data.error?.code };
  }
}
