/** Scripts as Markdown for people who call them. Pure. */
import type { JsonSchema, TypeExpression } from '../manifest/manifest.ts';
import { printType } from '../manifest/typegen.ts';
import type { CompiledScript } from './build.ts';

/** The sections of one integration's scripts. */
export function integrationDocs(scripts: readonly CompiledScript[]): string {
  return scripts.map(scriptDocs).join('\n');
}

function scriptDocs(script: CompiledScript): string {
  const { definition, name } = script;
  const description =
    'description' in definition && definition.description ? `${definition.description.trim()}\n\n` : '';
  return `## ${name}\n\n${description}${factsOf(script)
    .map(([what, text]) => `- **${what}**: ${text}\n`)
    .join('')}`;
}

function factsOf(script: CompiledScript): (readonly [string, string])[] {
  const { definition } = script;
  const scopes = 'scopes' in definition ? (definition.scopes ?? []) : [];
  const shared: [string, string][] = [
    ...(scopes.length === 0 ? [] : [['Scopes', scopes.map(code).join(', ')] as [string, string]]),
    ['Source', `[${script.file}](../${script.file})`],
  ];
  if (script.kind === 'on-event') return [['Runs on', code(script.definition.event)], ...shared];
  if (script.kind === 'action') {
    const { input, output, schema } = script.definition;
    const type = (given: TypeExpression | undefined) =>
      given === undefined ? 'nothing' : typeText(given, schema?.definitions);
    return [['Kind', 'action'], ['Input', type(input)], ['Output', type(output)], ...shared];
  }
  const { runs, returns, syncType, schema } = script.definition;
  const models = returns.map((model) => typeText({ kind: 'model', name: model }, schema?.definitions));
  return [['Kind', `sync, ${syncType}`], ['Runs', runs], ['Models', models.join(', ')], ...shared];
}

function typeText(type: TypeExpression, definitions: { readonly [name: string]: JsonSchema } | undefined): string {
  if (type.kind !== 'model') return code(printType(type).replace(/\s+/g, ' '));
  const schema = definitions?.[type.name];
  const fields = Object.keys((schema?.['properties'] ?? {}) as object);
  return `${code(type.name)}${fields.length === 0 ? '' : ` (${fields.map(code).join(', ')})`}`;
}

function code(text: string): string {
  return `\`${text.replaceAll('`', "'")}\``;
}
