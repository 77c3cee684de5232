/** An author's project of many scripts, made up: each about a hundred lines with zod schemas, and recorded. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PER_INTEGRATION = 20;
const FIELDS = 50;

/** Writes the project; every other script is a sync. Each has a recording that it passes. */
export async function writeProject(folder: string, scripts: number): Promise<void> {
  const imports: string[] = [];
  await mkdir(join(folder, '.nango'), { recursive: true });
  for (let first = 0; first < scripts; first += PER_INTEGRATION) {
    const integration = `app-${first / PER_INTEGRATION}`;
    const root = join(folder, integration);
    for (const sub of ['syncs', 'actions', 'tests']) await mkdir(join(root, sub), { recursive: true });
    for (let index = first; index < Math.min(scripts, first + PER_INTEGRATION); index += 1) {
      const isSync = index % 2 === 0;
      const kind = isSync ? 'syncs' : 'actions';
      imports.push(`import './${integration}/${kind}/script-${index}.js';`);
      await writeFile(join(root, kind, `script-${index}.ts`), isSync ? syncText(index) : actionText(index));
      await writeFile(
        join(root, 'tests', `script-${index}.test.json`),
        JSON.stringify(isSync ? syncRecording(index) : actionRecording(index)),
      );
    }
  }
  await writeFile(join(folder, 'index.ts'), `${imports.join('\n')}\n`);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'tsconfig.json'), TSCONFIG);
}

/** The files of its scripts, relative to the folder. */
export function scriptFiles(scripts: number): string[] {
  return Array.from({ length: scripts }, (_, index) => {
    const kind = index % 2 === 0 ? 'syncs' : 'actions';
    return `app-${Math.floor(index / PER_INTEGRATION)}/${kind}/script-${index}.ts`;
  });
}

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    module: 'node16',
    target: 'esnext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ['**/*.ts'],
});

function fields(prefix: string): string {
  return Array.from({ length: FIELDS }, (_, index) => {
    const type = ['z.string()', 'z.number()', 'z.boolean()', 'z.array(z.string())', "z.enum(['open', 'closed'])"][
      index % 5
    ];
    return `  ${prefix}_${index}: ${type}.optional().describe('Field ${index}'),`;
  }).join('\n');
}

function syncText(index: number): string {
  return `import { createSync, type ProxyConfiguration } from 'nango';
import * as z from 'zod';

const Raw = z.object({
  id: z.union([z.string(), z.number()]),
${fields('raw')}
});
const Model${index} = z.object({
  id: z.string(),
  title: z.string().nullable(),
  tags: z.array(z.object({ name: z.string(), color: z.string().optional() })),
});

const sync = createSync({
  description: 'Fetches things of kind ${index}',
  version: '1.0.0',
  frequency: 'every hour',
  autoStart: true,
  scopes: ['read:things'],
  checkpoint: z.object({ cursor: z.string() }),
  models: { Model${index} },
  exec: async (nango) => {
    const checkpoint = await nango.getCheckpoint();
    const config: ProxyConfiguration = {
      endpoint: '/v1/things/${index}',
      params: { ...(checkpoint && { cursor: checkpoint.cursor }), limit: '100' },
      retries: 3,
    };
    const { data } = await nango.get<{ things: unknown[] }>(config);
    const rows = z.array(Raw).parse(data.things).map(
      (raw): z.infer<typeof Model${index}> => ({
        id: String(raw.id),
        title: raw.raw_0 ?? null,
        tags: (raw.raw_3 ?? []).map((name) => ({ name })),
      }),
    );
    if (rows.length > 0) await nango.batchSave(rows, 'Model${index}');
  },
});

export type NangoSyncLocal = Parameters<(typeof sync)['exec']>[0];
export default sync;
`;
}

function actionText(index: number): string {
  return `import { createAction } from 'nango';
import { z } from 'zod';

const Input = z.object({
  name: z.string(),
${fields('input')}
});
const Output = z.object({ id: z.string(), state: z.enum(['open', 'closed']), ...Input.shape });

const action = createAction({
  description: 'Does thing ${index}',
  version: '1.0.0',
  input: Input,
  output: Output,
  exec: async (nango, input): Promise<z.infer<typeof Output>> => {
    if (input.name.trim() === '') throw new nango.ActionError({ type: 'invalid_name', message: 'A name is needed' });
    const { data } = await nango.post<{ id: number }>({ endpoint: '/v1/things/${index}', data: { name: input.name }, retries: 3 });
    return { ...input, id: String(data.id), state: 'open' };
  },
});

export type NangoActionLocal = Parameters<(typeof action)['exec']>[0];
export default action;
`;
}

function syncRecording(index: number): object {
  const things = Array.from({ length: 20 }, (_, id) => ({ id, raw_0: `Thing ${id}`, raw_3: ['a', 'b'] }));
  const saved = things.map(({ id, raw_0: title, raw_3: tags }) => ({
    id: String(id),
    title,
    tags: tags.map((name) => ({ name })),
  }));
  const entry = { request: { params: { limit: '100' } }, response: { things }, status: 200, headers: {} };
  return { nango: { batchSave: { [`Model${index}`]: saved } }, api: { get: { [`/v1/things/${index}`]: [entry] } } };
}

function actionRecording(index: number): object {
  const entry = { request: { data: { name: 'n' } }, response: { id: 7 }, status: 201, headers: {} };
  return {
    input: { name: 'n' },
    output: { name: 'n', id: '7', state: 'open' },
    nango: {},
    api: { post: { [`/v1/things/${index}`]: [entry] } },
  };
}
