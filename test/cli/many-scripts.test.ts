/**
 * A project of 200 scripts in a monorepo, each form: below a folder with spaces, reached by a link, with a package of the
 * workspace that is a link as well. It is compiled, planned and run on its recordings.
 */
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { createTracker } from '../support/deployment.ts';
import { writeFiles } from '../support/project-files.ts';

const api = useApi();
const folders = useFolders();
const SLOW = 300_000;
const SYNCS = 150;
const ACTIONS = 50;
const PER_APP = 50;

type Form = 'yaml' | 'zero-yaml';
type Script = {
  readonly kind: 'syncs' | 'actions';
  readonly app: string;
  readonly name: string;
  readonly model: string;
};

const SCRIPTS: readonly Script[] = Array.from({ length: SYNCS + ACTIONS }, (_, index) => ({
  kind: index < SYNCS ? 'syncs' : 'actions',
  app: `app-${Math.floor(index / PER_APP)}`,
  name: `script-${index}`,
  // Syncs of one integration save models of their own.
  model: index < SYNCS ? `Thing${index}` : 'Added',
}));
const APPS = [...new Set(SCRIPTS.map(({ app }) => app))];

const titled = "import { titled } from '@acme/titles';\nimport { trimmed } from '../helpers/texts.js';\n";
const save = (model: string) => `const { data } = await nango.get({ endpoint: '/things' });
  await nango.batchSave(data.things.map((thing: { id: string; name: string }) => ({ id: thing.id, title: titled(trimmed(thing.name)) })), '${model}');`;

const textOf = (form: Form, { kind, model }: Script): string => textsOf(model)[form][kind];
const textsOf = (model: string): Readonly<Record<Form, Readonly<Record<Script['kind'], string>>>> => ({
  yaml: {
    syncs: `import type { NangoSync } from '../../models';
${titled}export default async function fetchData(nango: NangoSync): Promise<void> {
  ${save(model)}
}
`,
    actions: `import type { NangoAction, Added } from '../../models';
${titled}export default async function runAction(nango: NangoAction, input: { id: string }): Promise<Added> {
  return { id: input.id, title: titled(trimmed(' a ')) };
}
`,
  },
  'zero-yaml': {
    syncs: `import { createSync } from 'nango';
import { z } from 'zod';
${titled}export default createSync({
  description: 'Things', frequency: 'every hour', autoStart: true,
  models: { ${model}: z.object({ id: z.string(), title: z.string() }) },
  exec: async (nango) => { ${save(model)} },
});
`,
    actions: `import { createAction } from 'nango';
import { z } from 'zod';
${titled}export default createAction({
  description: 'A thing', input: z.object({ id: z.string() }), output: z.object({ id: z.string(), title: z.string() }),
  exec: async (_, input) => ({ id: input.id, title: titled(trimmed(' a ')) }),
});
`,
  },
});

const recordingOf = ({ kind, model }: Script): string => recordingsOf(model)[kind];
const recordingsOf = (model: string): Readonly<Record<Script['kind'], string>> => ({
  syncs: JSON.stringify({
    nango: { batchSave: { [model]: [{ id: '1', title: 'A!' }] } },
    api: {
      get: { '/things': { request: {}, response: { things: [{ id: '1', name: ' a ' }] }, status: 200, headers: {} } },
    },
  }),
  actions: JSON.stringify({ input: { id: '1' }, output: { id: '1', title: 'A!' }, nango: {}, api: {} }),
});

function declaration(form: Form): Readonly<Record<string, string>> {
  if (form === 'zero-yaml')
    return {
      'index.ts': SCRIPTS.map(({ app, kind, name }) => `import './${app}/${kind}/${name}.js';\n`).join(''),
      '.nango/keep': '',
    };
  const of = (app: string, kind: Script['kind'], text: (script: Script) => string) => {
    const names = SCRIPTS.filter((script) => script.app === app && script.kind === kind);
    return names.length === 0
      ? ''
      : `    ${kind}:\n${names.map((script) => `      ${script.name}: ${text(script)}\n`).join('')}`;
  };
  const apps = APPS.map(
    (app) =>
      `  ${app}:\n${of(app, 'syncs', ({ model }) => `{ runs: every hour, output: ${model}, sync_type: full }`)}${of(app, 'actions', () => '{ output: Added }')}`,
  );
  const models = [...new Set(SCRIPTS.map(({ model }) => model))].map(
    (model) => `  ${model}: { id: string, title: string }\n`,
  );
  return { 'nango.yaml': `integrations:\n${apps.join('')}models:\n${models.join('')}` };
}

/** The folder by which it is reached. */
async function monorepo(form: Form): Promise<string> {
  const root = await folders.create();
  const project = 'packages/my integrations/nango-integrations';
  await writeFiles(root, {
    'package.json': '{"private":true,"workspaces":["packages/*"]}',
    'packages/titles/package.json':
      '{"name":"@acme/titles","version":"1.0.0","type":"module","main":"index.ts","types":"index.ts"}',
    'packages/titles/index.ts': 'export const titled = (text: string): string => text.toUpperCase() + "!";\n',
    [`${project}/package.json`]: '{"private":true,"type":"module"}',
    ...Object.fromEntries(
      Object.entries(declaration(form)).map(([name, text]) => [`${project}/${name}`, text] as const),
    ),
    ...Object.fromEntries(
      SCRIPTS.flatMap((script) => [
        [`${project}/${script.app}/${script.kind}/${script.name}.ts`, textOf(form, script)] as const,
        [`${project}/${script.app}/tests/${script.name}.test.json`, recordingOf(script)] as const,
      ]),
    ),
    ...Object.fromEntries(
      APPS.map((app) => [
        `${project}/${app}/helpers/texts.ts`,
        'export const trimmed = (text: string): string => text.trim();\n',
      ]),
    ),
  });
  await mkdir(join(root, 'node_modules/@acme'), { recursive: true });
  await symlink('../../packages/titles', join(root, 'node_modules/@acme/titles'));
  await symlink(join(root, project), join(root, 'by a link'));
  return join(root, 'by a link');
}

test.each<[Form]>([['yaml'], ['zero-yaml']])(
  'a %s project of 200 scripts compiles, is planned and passes its recordings, wherever it lies',
  async (form) => {
    const cwd = await monorepo(form);
    const compiled = await runCli(['compile'], { cwd });
    expect(compiled).toEqual({ code: 0, stderr: '', stdout: 'Compiled 150 syncs and 50 actions without mistakes.\n' });
    if (form === 'yaml') for (const app of APPS) await createTracker(api, app, []);
    const env = { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY: api.key };
    const planned = await runCli(['deploy', 'dev', '--plan', '--json'], { cwd, env });
    const { plan } = JSON.parse(planned.stdout);
    expect([plan.newSyncs.length, plan.newActions.length]).toEqual([SYNCS, ACTIONS]);
    const tested = await runCli(['test', '--json'], { cwd });
    const verdicts = tested.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).verdict);
    expect(verdicts).toEqual(SCRIPTS.map(() => 'pass'));
  },
  SLOW,
);

test('a mistake in a project that is reached by a link is told by its place in it', async () => {
  const cwd = await folders.create();
  await writeFiles(cwd, {
    'real one/index.ts': "import './app/actions/add.js';\n",
    'real one/app/actions/add.ts': `import { createAction } from 'nango';
import { z } from 'zod';
import { wrong } from '../wrong.js';
export default createAction({ description: 'A', input: z.void(), output: z.number(), exec: async () => wrong });
`,
    'real one/app/wrong.ts': "export const wrong: number = 'a';\n",
  });
  await symlink(join(cwd, 'real one'), join(cwd, 'link'));
  const { code, stderr } = await runCli(['compile'], { cwd: join(cwd, 'link') });
  expect([code, stderr]).toEqual([10, expect.stringMatching(/^app\/wrong\.ts:1:14: TS2322: .*\n$/)]);
  const one = await runCli(['dryrun', 'add', 'acme'], { cwd: join(cwd, 'link'), env: { NANGO_SECRET_KEY: 'k' } });
  expect(one.stderr).toMatch(/^app\/wrong\.ts:1:14: TS2322/);
});
