/** Texts of new zero-yaml scripts, and the line of `index.ts` that declares them. Pure. */

export type NewScript = {
  readonly kind: 'sync' | 'action' | 'on-event';
  readonly integration: string;
  readonly name: string;
};

/** The file of a script, relative to the project's folder. */
export function zeroFile({ kind, integration, name }: NewScript): string {
  return `${integration}/${kind}s/${name}.ts`;
}

/** `index.ts` with the script's import at its end; unchanged when it is there. */
export function withImport(index: string, script: NewScript): string {
  const path = `./${zeroFile(script).replace(/\.ts$/, '.js')}`;
  if (index.includes(`'${path}'`) || index.includes(`"${path}"`)) return index;
  return `${index === '' || index.endsWith('\n') ? index : `${index}\n`}import '${path}';\n`;
}

/** A script that compiles and runs as it stands. */
export function zeroScaffold({ kind, name }: NewScript): string {
  switch (kind) {
    case 'sync':
      return SYNC.replaceAll('NAME', name);
    case 'action':
      return ACTION.replaceAll('NAME', name);
    case 'on-event':
      return ON_EVENT.replaceAll('NAME', name);
    default:
      return kind satisfies never;
  }
}

const SYNC = `import { createSync } from 'nango';
import * as z from 'zod';

const Item = z.object({ id: z.string(), title: z.string() });

const sync = createSync({
  description: 'NAME',
  version: '1.0.0',
  frequency: 'every hour',
  autoStart: true,
  models: { Item },
  exec: async (nango) => {
    // const { data } = await nango.get({ endpoint: '/path', retries: 3 });
    const items: z.infer<typeof Item>[] = [];
    await nango.batchSave(items, 'Item');
  },
});

export type NangoSyncLocal = Parameters<(typeof sync)['exec']>[0];
export default sync;
`;

const ACTION = `import { createAction } from 'nango';
import * as z from 'zod';

const Input = z.object({ text: z.string() });
const Output = z.object({ ok: z.boolean() });

const action = createAction({
  description: 'NAME',
  version: '1.0.0',
  input: Input,
  output: Output,
  exec: async (nango, input): Promise<z.infer<typeof Output>> => {
    // const { data } = await nango.post({ endpoint: '/path', data: input, retries: 3 });
    throw new nango.ActionError({ message: \`NAME is not written yet: \${input.text}\` });
  },
});

export type NangoActionLocal = Parameters<(typeof action)['exec']>[0];
export default action;
`;

const ON_EVENT = `import { createOnEvent } from 'nango';

export default createOnEvent({
  description: 'NAME',
  version: '1.0.0',
  event: 'post-connection-creation',
  exec: async (nango) => {
    await nango.log(\`connection \${nango.connectionId} is there\`);
  },
});
`;
