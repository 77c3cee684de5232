import { expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';
import { endedRun, type RunJson, runSync, usePlatform } from '../support/platform.ts';

const platform = usePlatform();
const folders = useFolders();

const V2: Readonly<Record<string, string>> = {
  'nango.yaml': `integrations:
  v2-tracker:
    syncs:
      tasks:
        runs: every 30s
        output: Task
        endpoint: GET /tasks
    actions:
      shout:
        input: string[]
        output: string
models:
  Task: { id: string, title: string }
`,
  'v2-tracker/syncs/tasks.ts': `import type { NangoSync, Task } from '../../models';
import { toTask } from '../mappers/to-task.js';
export default async function fetchData(nango: NangoSync): Promise<void> {
  const { data } = await nango.get({ endpoint: '/tasks', params: { limit: 100 } });
  await nango.batchSave<Task>(data.tasks.map(toTask), 'Task');
}
`,
  'v2-tracker/mappers/to-task.ts': `import type { Task } from '../../models';
export function toTask({ id, title }: Task): Task {
  return { id, title: title.toUpperCase() };
}
`,
  'v2-tracker/actions/shout.ts': `import type { NangoAction } from '../../models';
export default async function runAction(nango: NangoAction, input: string[]): Promise<string> {
  return input.join(' ').toUpperCase();
}
`,
};

test('a v2 project in nested folders deploys, and its sync and action run', async () => {
  const { caller } = platform;
  await createIntegration(caller, 'v2-tracker', 'example-tracker');
  await createConnection(caller, 'v2-tracker', 'acme');
  const { code, stderr } = await deploy(V2);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [run] = (await call<{ runs: RunJson[] }>(caller, 'GET', '/runs?name=tasks&provider_config_key=v2-tracker'))
    .runs;
  expect(await endedRun(platform, run?.id ?? '')).toMatchObject({ state: 'success', counts: { Task: { added: 25 } } });
  expect(await trigger('v2-tracker', 'shout', ['hello', 'you'])).toBe('HELLO YOU');
});

test('U084: a deployment after which only an imported helper differs is one of the scripts that import it', async () => {
  const helper = 'v2-tracker/mappers/to-task.ts';
  const changed = { ...V2, [helper]: (V2[helper] ?? '').replace('toUpperCase', 'toLowerCase') };
  const { code, stdout } = await deploy(changed, '-i', 'v2-tracker');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^~ {2}sync {4}tasks +v2-tracker +1\nUnchanged: 1 script\.$/m);
  const names = { integration: 'v2-tracker', connection: 'acme', name: 'tasks' };
  expect(await runSync(platform, names)).toMatchObject({
    state: 'success',
    counts: { Task: { added: 0, updated: 25 } },
  });
});

const ZERO: Readonly<Record<string, string>> = {
  'index.ts': "import './zero-tracker/syncs/tasks.js';\nimport './zero-tracker/actions/shout.js';\n",
  'zero-tracker/syncs/tasks.ts': `import { createSync } from 'nango';
import * as z from 'zod';
const Task = z.object({ id: z.string(), title: z.string() });
export default createSync({
  description: 'Tasks',
  frequency: 'every hour',
  autoStart: true,
  models: { Task },
  exec: async (nango) => {
    const { data } = await nango.get<unknown>({ endpoint: '/tasks', params: { limit: 100 } });
    await nango.batchSave(z.object({ tasks: z.array(Task) }).parse(data).tasks, 'Task');
  },
});
`,
  'zero-tracker/actions/shout.ts': `import { createAction } from 'nango';
import * as z from 'zod';
export default createAction({
  description: 'Shouts',
  input: z.object({ words: z.array(z.string()) }),
  output: z.string(),
  exec: async (_nango, input) => input.words.join(' ').toUpperCase(),
});
`,
};

test('a zero-yaml project deploys, and its sync and action run', async () => {
  const { caller, engine } = platform;
  await createIntegration(caller, 'zero-tracker', 'example-tracker');
  await createConnection(caller, 'zero-tracker', 'acme');
  const { code, stderr } = await deploy(ZERO, '-i', 'zero-tracker');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { runs } = await call<{ runs: RunJson[] }>(caller, 'GET', '/runs?name=tasks&provider_config_key=zero-tracker');
  const ended = await endedRun(platform, runs[0]?.id ?? '');
  expect(ended).toMatchObject({ state: 'success', counts: { Task: { added: 25 } } });
  expect(await trigger('zero-tracker', 'shout', { words: ['hello', 'you'] })).toBe('HELLO YOU');
  const { rows } = await engine.db.query(
    "select json_schema from scripts where name = 'tasks' and models = '{Task}' order by id desc limit 1",
  );
  expect(rows[0].json_schema.definitions.Task.required).toEqual(['id', 'title']);
});

async function deploy(files: Readonly<Record<string, string>>, ...flags: readonly string[]) {
  const cwd = await folders.create();
  await writeFiles(cwd, files);
  const { apiUrl, key } = platform.caller;
  return runCli(['deploy', 'dev', ...flags], { cwd, env: { NANGO_HOSTPORT: apiUrl, NANGO_SECRET_KEY_DEV: key } });
}

async function trigger(integration: string, name: string, input: unknown): Promise<unknown> {
  const { apiUrl, key } = platform.caller;
  const response = await fetch(`${apiUrl}/action/trigger`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'provider-config-key': integration,
      'connection-id': 'acme',
    },
    body: JSON.stringify({ action_name: name, input }),
  });
  return response.json();
}
