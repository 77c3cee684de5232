/** Models as zod schemas in TypeScript, for projects that leave `nango.yaml` behind. Pure. */
import type { Field, Model, ObjectType, TypeExpression } from './manifest.ts';
import { modelsIn } from './model-section.ts';

/** The text of a `models.ts` of zod schemas and their types, with the script types that its importers expect there. */
export function zodModels(models: readonly Model[]): string {
  const ordered = inOrder(models);
  const declared = new Set<string>();
  const texts = ordered.map((model) => {
    const text = `export const ${model.name} = ${zodText(model.type, (name) => declared.has(name))};
export type ${model.name} = z.infer<typeof ${model.name}>;\n`;
    declared.add(model.name);
    return text;
  });
  return [
    "import * as z from 'zod';",
    "export type { NangoAction, NangoSync, ProxyConfiguration } from 'nango';\n",
    ...texts,
  ].join('\n');
}

/** One type. A model that is declared further down is reached through a getter, which zod follows when it is needed. */
export function zodText(type: TypeExpression, isDeclared: (name: string) => boolean = () => true): string {
  switch (type.kind) {
    case 'primitive':
      return PRIMITIVES[type.name];
    case 'literal':
      return `z.literal(${JSON.stringify(type.value)})`;
    case 'model':
      return type.name;
    case 'array':
      return `z.array(${zodText(type.element, isDeclared)})`;
    case 'union':
      return unionText(type.members, isDeclared);
    case 'object':
      return objectText(type, isDeclared);
    default:
      return type satisfies never;
  }
}

const PRIMITIVES = {
  string: 'z.string()',
  number: 'z.number()',
  boolean: 'z.boolean()',
  bigint: 'z.bigint()',
  // As models.ts had it: saved as either, read back as text.
  date: 'z.union([z.date(), z.string()])',
  null: 'z.null()',
  undefined: 'z.undefined()',
  void: 'z.void()',
  never: 'z.never()',
  any: 'z.any()',
  unknown: 'z.unknown()',
} as const;

function unionText(members: readonly TypeExpression[], isDeclared: (name: string) => boolean): string {
  const isNull = (member: TypeExpression) => member.kind === 'primitive' && member.name === 'null';
  const isUndefined = (member: TypeExpression) => member.kind === 'primitive' && member.name === 'undefined';
  const rest = members.filter((member) => !isNull(member) && !isUndefined(member));
  const texts = rest.map((member) => zodText(member, isDeclared));
  const literals = rest.flatMap((member) =>
    member.kind === 'literal' && typeof member.value === 'string' ? [member.value] : [],
  );
  const base =
    literals.length === rest.length && rest.length > 1
      ? `z.enum(${JSON.stringify(literals)})`
      : texts.length === 1
        ? texts[0]
        : `z.union([${texts.join(', ')}])`;
  if (rest.length === 0) return members.some(isNull) ? 'z.null()' : 'z.undefined()';
  return `${base}${members.some(isNull) ? '.nullable()' : ''}${members.some(isUndefined) ? '.optional()' : ''}`;
}

function objectText(type: ObjectType, isDeclared: (name: string) => boolean): string {
  if (type.fields.length === 0)
    return type.index === undefined ? 'z.object({})' : `z.record(z.string(), ${zodText(type.index, isDeclared)})`;
  const fields = type.fields.map((field) => fieldText(field, isDeclared));
  const rest = type.index === undefined ? '' : `.catchall(${zodText(type.index, isDeclared)})`;
  return `z.object({ ${fields.join(', ')} })${rest}`;
}

function fieldText({ name, type, optional }: Field, isDeclared: (name: string) => boolean): string {
  const key = /^[a-zA-Z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
  const text = zodText(type, isDeclared);
  const value = optional && !text.endsWith('.optional()') ? `${text}.optional()` : text;
  return modelsIn(type).every(isDeclared) ? `${key}: ${value}` : `get ${key}() { return ${value}; }`;
}

/** Each model behind those it needs, as far as circles allow. */
function inOrder(models: readonly Model[]): Model[] {
  const byName = new Map(models.map((model) => [model.name, model]));
  const done = new Set<Model>();
  const visit = (model: Model, above: ReadonlySet<Model>): void => {
    if (done.has(model) || above.has(model)) return;
    for (const name of modelsIn(model.type)) {
      const needed = byName.get(name);
      if (needed !== undefined) visit(needed, new Set([...above, model]));
    }
    done.add(model);
  };
  for (const model of models) visit(model, new Set());
  return [...done];
}
