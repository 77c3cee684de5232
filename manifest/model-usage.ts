import type { ActionDefinition, Integration, Mistake, Model, SyncDefinition, TypeExpression } from './manifest.ts';

type Note = Omit<Mistake, 'file'>;

/** What is odd about the models of a project, though nothing is wrong: not used by any script, or named in the plural. */
export function noteModels(
  integrations: readonly Integration[],
  models: readonly Model[],
  parents: ReadonlySet<string>,
): readonly Note[] {
  const scripts = integrations.flatMap(({ syncs, actions }) => [...syncs, ...actions]);
  const used = reachableModels(scripts.flatMap(mentions), models);
  const saved = new Set(integrations.flatMap(({ syncs }) => syncs.flatMap((sync) => sync.returns)));
  return models.flatMap((model) => {
    const { name, line, column } = model;
    if (!used.has(name) && !parents.has(name) && model.anonymous !== true) {
      const message = `model '${name}' is not used by any sync or action: expected a script that saves, takes or answers it`;
      return { line, column, message, code: 'unused_model' as const };
    }
    const single = saved.has(name) ? singularOf(name) : undefined;
    if (single === undefined) return [];
    const message = `model '${name}' is named in the plural and describes one record: expected '${single}'`;
    return { line, column, message, code: 'plural_model_name' as const };
  });
}

/** These models and all that they mention. */
export function reachableModels(names: readonly string[], models: readonly Model[]): ReadonlySet<string> {
  const types = new Map(models.map((model) => [model.name, model.type]));
  const reached = new Set(names);
  for (const name of reached) {
    const type = types.get(name);
    if (type !== undefined) for (const next of modelsIn(type)) reached.add(next);
  }
  return reached;
}

/** The names of all models a type mentions. */
export function modelsIn(type: TypeExpression): string[] {
  switch (type.kind) {
    case 'model':
      return [type.name];
    case 'array':
      return modelsIn(type.element);
    case 'union':
      return type.members.flatMap(modelsIn);
    case 'object':
      return [...type.fields.map((field) => field.type), ...(type.index === undefined ? [] : [type.index])].flatMap(
        modelsIn,
      );
    case 'primitive':
    case 'literal':
      return [];
    default:
      return type satisfies never;
  }
}

function mentions(script: SyncDefinition | ActionDefinition): string[] {
  const own = 'returns' in script ? [script.input] : [script.input, script.output, script.metadata];
  const types = [...own, script.checkpoint].flatMap((type) => (type === undefined ? [] : modelsIn(type)));
  return 'returns' in script ? [...script.returns, ...types] : types;
}

const SINGULAR_ENDING = /(ss|us|is|as|series|species|news|analytics|settings)$/i;

/** The singular of an English plural, as far as the ending tells; undefined for anything else. */
export function singularOf(name: string): string | undefined {
  if (!/[a-z]{2}s$/.test(name) || SINGULAR_ENDING.test(name)) return undefined;
  if (name.endsWith('ies')) return `${name.slice(0, -3)}y`;
  return name.replace(/(?<=ss|x|ch|sh)es$|s$/, '');
}
