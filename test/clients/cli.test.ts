/** The incumbent's command lines, unmodified, under our Node and against our server. */
import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { useFolders } from '../support/cli.ts';
import { endedRun, usePlatform } from '../support/platform.ts';
import { type CliVersion, runPublished, useClis, writeProject } from './use-clis.ts';

useClis();
const platform = usePlatform();
const folders = useFolders();
const SLOW = 240_000;

beforeAll(async () => {
  for (const integration of ['yaml', 'zero']) {
    await createIntegration(platform.caller, integration, 'example-tracker');
    await createConnection(platform.caller, integration, `${integration}-acme`);
  }
});

const YAML = {
  'package.json': '{"private":true}',
  'nango.yaml': `
integrations:
  yaml:
    syncs:
      tasks:
        runs: every 30min
        output: Task
        sync_type: full
        endpoint: GET /yaml/tasks
    actions:
      echo:
        input: Word
        output: Word
        endpoint: POST /yaml/echo
models:
  Task:
    id: string
    title: string
  Word:
    word: string
`,
  'yaml/syncs/tasks.ts': `import type { NangoSync, Task } from '../../models';
export default async function fetchData(nango: NangoSync): Promise<void> {
  await nango.log('the first five');
  const { data } = await nango.get({ endpoint: '/tasks', params: { limit: '5' }, retries: 3 });
  const tasks = data.tasks as Task[];
  await nango.batchSave(tasks.map(({ id, title }) => ({ id, title })), 'Task');
}
`,
  'yaml/actions/echo.ts': `import type { NangoAction, Word } from '../../models';
export default async function runAction(nango: NangoAction, input: Word): Promise<Word> {
  await nango.log('said');
  return { word: input.word + '!' };
}
`,
};

const ZERO = {
  'package.json': '{"private":true,"type":"module","devDependencies":{"nango":"0.71.10","zod":"4.3.6"}}',
  '.nango/keep': '',
  'tsconfig.json': JSON.stringify({
    compilerOptions: { module: 'node16', target: 'esnext', strict: true, skipLibCheck: true, noEmit: true },
  }),
  'index.ts': `import './zero/syncs/tasks.js';\nimport './zero/actions/echo.js';\n`,
  'zero/syncs/tasks.ts': `import { createSync } from 'nango';
import * as z from 'zod';
const Task = z.object({ id: z.string(), title: z.string() });
export default createSync({
  description: 'Tasks', version: '1.0.0', frequency: 'every hour', autoStart: true, syncType: 'full',
  endpoints: [{ method: 'GET', path: '/zero/tasks' }], models: { Task },
  exec: async (nango) => {
    await nango.log('the first five');
    const { data } = await nango.get<{ tasks: { id: string; title: string }[] }>({ endpoint: '/tasks', params: { limit: '5' }, retries: 3 });
    await nango.batchSave(data.tasks.map(({ id, title }) => ({ id, title })), 'Task');
  },
});
`,
  'zero/actions/echo.ts': `import { createAction } from 'nango';
import * as z from 'zod';
export default createAction({
  description: 'Echo', version: '1.0.0', endpoint: { method: 'POST', path: '/zero/echo' },
  input: z.object({ word: z.string() }), output: z.object({ word: z.string() }),
  exec: async (nango, input) => {
    await nango.log('said');
    return { word: input.word + '!' };
  },
});
`,
};

/** The versions by what they are asked for; each has a project of its form. */
const FORMS = {
  yaml: { deploy: '0.69.36', dryrun: '0.69.14', files: YAML },
  zero: { deploy: '0.71.10', dryrun: '0.71.10', files: ZERO },
} as const satisfies Record<string, { deploy: CliVersion; dryrun: CliVersion; files: object }>;
type Form = keyof typeof FORMS;

async function projectOf(form: Form) {
  const cwd = await folders.create();
  await writeProject(cwd, FORMS[form].files);
  return { cwd, caller: platform.caller };
}

const recordsOf = (form: Form) =>
  call<{ records: { title: string }[] }>(platform.caller, 'GET', '/records?model=Task', undefined, [], {
    'provider-config-key': form,
    'connection-id': `${form}-acme`,
  });

// One after the other: the deployment of a whole project removes what another one deployed.
test.each(['yaml', 'zero'] as const)(
  'nango deploy of a %s project: its sync runs, its action answers',
  async (form) => {
    const { deploy: version } = FORMS[form];
    const flags = ['--auto-confirm', ...(form === 'zero' ? ['--allow-destructive'] : [])];
    const project = await projectOf(form);
    const { code, shown } = await runPublished(version, ['deploy', 'dev', ...flags], project);
    expect([code, shown]).toEqual([0, expect.stringMatching(/Successfully deployed the functions:\s.*tasks@/s)]);
    const found = await call<{ runs: { id: string }[] }>(platform.caller, 'GET', `/runs?provider_config_key=${form}`);
    expect(await endedRun(platform, found.runs[0]?.id ?? '')).toMatchObject({ name: 'tasks', state: 'success' });
    expect((await recordsOf(form)).records).toHaveLength(5);
    const headers = { 'provider-config-key': form, 'connection-id': `${form}-acme` };
    const said = { action_name: 'echo', input: { word: 'hi' } };
    expect(await call(platform.caller, 'POST', '/action/trigger', said, [], headers)).toEqual({ word: 'hi!' });
  },
  SLOW,
);

test(
  'nango deploy shows what it would remove, and stops there without a yes to it',
  async () => {
    const files = { ...ZERO, 'index.ts': `import './zero/actions/echo.js';\n` };
    const cwd = await folders.create();
    await writeProject(cwd, files);
    const deploy = (...flags: readonly string[]) =>
      runPublished('0.71.10', ['deploy', 'dev', '--auto-confirm', ...flags], { cwd, caller: platform.caller });
    const refused = await deploy();
    expect([refused.code, refused.shown]).toEqual([11, expect.stringContaining('tasks')]);
    const { syncs } = await call<{ syncs: unknown[] }>(
      platform.caller,
      'GET',
      '/sync/status?syncs=*&provider_config_key=zero',
    );
    expect(syncs).toHaveLength(1);
    // One script alone has nothing to remove.
    expect((await deploy('--action', 'echo')).code).toBe(0);
    expect((await deploy('--allow-destructive')).code).toBe(0);
  },
  SLOW,
);

test.each(['yaml', 'zero'] as const)(
  'nango dryrun of a %s project shows what would be saved and answered',
  async (form) => {
    const { dryrun: version } = FORMS[form];
    const project = await projectOf(form);
    const dryrun = (...argv: readonly string[]) =>
      runPublished(version, ['dryrun', ...argv, '-e', 'dev', '--integration-id', form], project);
    // 0.71.10 looks into what was built before it builds.
    if (form === 'zero') expect((await runPublished(version, ['compile'], project)).code).toBe(0);
    const sync = await dryrun('tasks', `${form}-acme`);
    expect([sync.code, sync.shown]).toEqual([0, expect.stringContaining('Write the release notes')]);
    const action = await dryrun('echo', `${form}-acme`, '--input', '{"word":"hi"}');
    expect([action.code, action.shown]).toEqual([0, expect.stringContaining('hi!')]);
    const unknown = await dryrun('tasks', 'nobody');
    expect(unknown.shown).toMatch(/connection/i);
    expect(unknown.shown).not.toContain('Write the release notes');
  },
  SLOW,
);

// Why the nearest version before it stands in above.
test(
  'nango dryrun of 0.69.36 ends before it asks a server anything: it reads no nango.yaml there',
  async () => {
    const { cwd } = await projectOf('yaml');
    const nowhere = { cwd, caller: { apiUrl: 'http://127.0.0.1:9', key: platform.caller.key } };
    const { code, shown } = await runPublished('0.69.36', ['dryrun', 'tasks', 'yaml-acme', '-e', 'dev'], nowhere);
    expect([code, shown]).toEqual([1, expect.stringContaining('Could not build function definitions')]);
  },
  SLOW,
);
