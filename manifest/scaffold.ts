import type { ActionDefinition, OnEventDefinition, SyncDefinition, TypeExpression } from './manifest.ts';
import { modelsIn } from './model-section.ts';
import { printType } from './typegen.ts';

/** The text of a new sync script. It compiles and runs as it stands, and saves nothing yet. */
export function scaffoldSync(sync: SyncDefinition, modelsPath = './models'): string {
  return `import type { ${['NangoSync', ...sync.returns].join(', ')} } from '${modelsPath}';

${describeScript(sync.description)}export default async function fetchData(nango: NangoSync): Promise<void> {
  // nango.lastSyncDate is when the last successful run began; it is empty on the first run.
${sync.returns.map(saveModel).join('\n')}
}
`;
}

/** The text of a new action script. It compiles as it stands, and answers that it is not written yet. */
export function scaffoldAction(action: ActionDefinition, modelsPath = './models'): string {
  const models = new Set([action.input, action.output].flatMap((type) => (type === undefined ? [] : modelsIn(type))));
  return `import type { ${['NangoAction', ...models].join(', ')} } from '${modelsPath}';

${describeScript(action.description)}export default async function runAction(nango: NangoAction, input: ${typeText(action.input)}): Promise<${typeText(action.output)}> {
  // const response = await nango.post({ endpoint: '/path', data: input, retries: 3 });
  // return response.data;
  throw new nango.ActionError({ message: 'The action ${action.name} is not written yet' });
}
`;
}

/** The text of a new on-event script. It compiles and runs as it stands, and does nothing yet. */
export function scaffoldOnEvent(script: OnEventDefinition, modelsPath = './models'): string {
  return `import type { NangoAction } from '${modelsPath}';

/** Runs for each connection: ${script.event}. */
export default async function onEvent(nango: NangoAction): Promise<void> {
  await nango.log(\`${script.event} of \${nango.connectionId}\`);
}
`;
}

function saveModel(model: string, index: number): string {
  const rows = `rows${index === 0 ? '' : index + 1}`;
  return `  // const response = await nango.get({ endpoint: '/path', retries: 3 });
  const ${rows}: ${model}[] = [];
  await nango.batchSave(${rows}, '${model}');`;
}

function typeText(type: TypeExpression | undefined): string {
  return type === undefined ? 'any' : printType(type);
}

function describeScript(description: string | undefined): string {
  if (description === undefined) return '';
  const text = description.replace(/\s+/g, ' ').replaceAll('*/', '* /');
  return `/** ${text} */\n`;
}
