/** Projects of one form as those of the next. Pure: texts in, texts out. */
import { type Document, isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { findDefaultFunction } from './default-function.ts';
import type { ActionDefinition, OnEventDefinition, SyncDefinition, TypeExpression } from './manifest.ts';
import { modelsIn } from './model-section.ts';
import { zodText } from './zod-text.ts';

/**
 * A v1 `nango.yaml` as a v2 one: scripts under `syncs` and `actions`, `returns` as `output`, and an endpoint for each.
 * Comments and the order of everything stay. The text must have been read without mistakes before.
 */
export function migrateConfig(text: string): string {
  const document: Document = parseDocument(text);
  const integrations = document.get('integrations');
  if (!isMap(integrations)) return text;
  for (const { key, value } of integrations.items as Pair[]) {
    if (!isMap(value)) continue;
    const sections: { syncs: Pair[]; actions: Pair[] } = { syncs: [], actions: [] };
    for (const script of value.items as Pair[]) {
      if (!isMap(script.value)) continue;
      const isAction = script.value.get('type') === 'action';
      convertScript(document, script.value, isAction, `/${textOf(key)}/${textOf(script.key)}`);
      sections[isAction ? 'actions' : 'syncs'].push(script);
    }
    value.items = Object.entries(sections).flatMap(([name, items]) => {
      if (items.length === 0) return [];
      const section = document.createNode({}) as YAMLMap;
      section.items = items as typeof section.items;
      return [document.createPair(name, section)];
    }) as typeof value.items;
    value.flow = false;
  }
  return document.toString({ lineWidth: 0 });
}

function convertScript(document: Document, script: YAMLMap, isAction: boolean, path: string): void {
  const deletes = String(script.get('track_deletes')) === 'true';
  script.delete('type');
  if (isAction) script.delete('runs');
  for (const pair of script.items as Pair[])
    if (isScalar(pair.key) && pair.key.value === 'returns') pair.key = document.createNode('output');
  const outputs = script.get('output');
  const count =
    typeof outputs === 'object' && outputs !== null && 'items' in outputs ? (outputs.items as unknown[]).length : 1;
  const endpoints = Array.from(
    { length: isAction ? 1 : count },
    (_, index) => `${isAction ? 'POST' : 'GET'} ${path}${index === 0 ? '' : `-${index + 1}`}`,
  );
  script.set('endpoint', document.createNode(endpoints.length === 1 ? endpoints[0] : endpoints));
  if (!isAction) script.set('sync_type', deletes ? 'full' : 'incremental');
}

function textOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : '';
}

export type MigratedScript = { readonly kind: 'sync' | 'action' | 'on-event'; readonly text: string } & (
  | { readonly kind: 'sync'; readonly definition: SyncDefinition }
  | { readonly kind: 'action'; readonly definition: ActionDefinition }
  | { readonly kind: 'on-event'; readonly definition: OnEventDefinition }
);

/**
 * A script as a zero-yaml one: its function stays what it is, and a definition that calls it becomes the default export.
 * `move`: rewrites a relative import for the script's new place; `modelsPath`: its import of the zod models.
 */
export function migrateScript(script: MigratedScript, modelsPath: string, move: (specifier: string) => string): string {
  const found = findDefaultFunction(script.text);
  const moved = found.text.replace(
    /(\bfrom\s+|\bimport\s+)(['"])(\.{1,2}\/[^'"]+)\2/g,
    (_whole, keyword: string, quote: string, specifier: string) => `${keyword}${quote}${move(specifier)}${quote}`,
  );
  const helper = { sync: 'createSync', action: 'createAction', 'on-event': 'createOnEvent' }[script.kind];
  const models = modelsOf(script);
  const imports = [
    `import { ${helper} } from 'nango';`,
    ...(script.kind === 'action' ? ["import * as z from 'zod';"] : []),
    ...(models.length === 0
      ? []
      : [`import { ${models.map((name) => `${name} as ${name}Schema`).join(', ')} } from '${modelsPath}';`]),
  ];
  const nango =
    script.kind === 'sync'
      ? 'nango as never'
      : script.kind === 'action'
        ? 'nango as never, input as never'
        : 'nango as never';
  const parameters = script.kind === 'action' ? 'nango, input' : 'nango';
  return `${imports.join('\n')}\n${moved.trimEnd()}\n\nexport default ${helper}({
${propertiesOf(script)
  .map((line) => `  ${line},\n`)
  .join('')}  exec: async (${parameters}) => ${found.name}(${nango}),
});
`;
}

function propertiesOf(script: MigratedScript): string[] {
  const { definition } = script;
  const description = 'description' in definition ? definition.description : undefined;
  const common = [
    `description: ${JSON.stringify((description ?? definition.name).replace(/\s+/g, ' ').trim())}`,
    ...('version' in definition && definition.version !== undefined
      ? [`version: ${JSON.stringify(definition.version)}`]
      : []),
    ...('scopes' in definition && definition.scopes !== undefined
      ? [`scopes: ${JSON.stringify(definition.scopes)}`]
      : []),
  ];
  if (script.kind === 'on-event') return [...common, `event: '${script.definition.event}'`];
  if (script.kind === 'action') {
    const { input, output, endpoints } = script.definition;
    const endpoint = endpoints?.[0] === undefined ? [] : [`endpoint: ${JSON.stringify(endpoints[0])}`];
    return [...common, ...endpoint, `input: ${schemaText(input)}`, `output: ${schemaText(output)}`];
  }
  const sync = script.definition;
  return [
    ...common,
    `frequency: '${sync.runs}'`,
    `autoStart: ${sync.autoStart}`,
    `syncType: '${sync.syncType}'`,
    ...(sync.trackDeletes ? ['trackDeletes: true'] : []),
    ...(sync.endpoints === undefined ? [] : [`endpoints: ${JSON.stringify(sync.endpoints)}`]),
    ...(sync.webhookSubscriptions === undefined
      ? []
      : [`webhookSubscriptions: ${JSON.stringify(sync.webhookSubscriptions)}`]),
    ...(sync.input?.kind === 'model' ? [`metadata: ${sync.input.name}Schema`] : []),
    `models: { ${sync.returns.map((name) => `${name}: ${name}Schema`).join(', ')} }`,
  ];
}

function schemaText(type: TypeExpression | undefined): string {
  if (type === undefined) return 'z.any()';
  return zodText(renamed(type));
}

/** Schemas are imported under names of their own, since scripts import the types under the models' names. */
function renamed(type: TypeExpression): TypeExpression {
  switch (type.kind) {
    case 'model':
      return { ...type, name: `${type.name}Schema` };
    case 'array':
      return { ...type, element: renamed(type.element) };
    case 'union':
      return { ...type, members: type.members.map(renamed) };
    default:
      return type;
  }
}

function modelsOf(script: MigratedScript): string[] {
  if (script.kind === 'on-event') return [];
  const { input } = script.definition;
  const other =
    script.kind === 'sync' ? [] : script.definition.output === undefined ? [] : modelsIn(script.definition.output);
  const saved = script.kind === 'sync' ? script.definition.returns : [];
  return [...new Set([...saved, ...other, ...(input === undefined ? [] : modelsIn(input))])];
}
