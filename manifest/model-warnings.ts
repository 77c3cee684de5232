import type { Entry, Source } from './document.ts';
import { warn } from './document.ts';
import type { Integration, Model } from './manifest.ts';
import { modelsIn } from './model-section.ts';

/** What is allowed and probably not meant: a model that nothing uses, and one whose name reads like a list. */
export function warnOfModels(
  source: Source,
  entries: readonly Entry[],
  models: readonly Model[],
  integrations: readonly Integration[],
): void {
  const used = modelsInUse(models, integrations);
  for (const { key, offset } of entries) {
    if (isPlural(key)) {
      const message = `model '${key}' reads like a plural: a model describes one record, so its name is usually singular`;
      warn(source, offset, message, 'model_name_plural');
    }
    // A file of models alone belongs to a project in the making.
    if (used.size === 0 || used.has(key) || !models.some(({ name }) => name === key)) continue;
    const message = `model '${key}' is used by no script and no other model: remove it, or name it in a script`;
    warn(source, offset, message, 'model_unused');
  }
}

/** The models that scripts name, and those that these lead to. */
function modelsInUse(models: readonly Model[], integrations: readonly Integration[]): ReadonlySet<string> {
  const scripts = integrations.flatMap(({ syncs, actions }) => [
    ...syncs.flatMap(({ returns, input }) => [...returns, ...(input === undefined ? [] : modelsIn(input))]),
    ...actions.flatMap(({ input, output }) =>
      [input, output].flatMap((type) => (type === undefined ? [] : modelsIn(type))),
    ),
  ]);
  return reachableModels(models, scripts);
}

/** These models and all they lead to. */
export function reachableModels(models: readonly Model[], from: readonly string[]): ReadonlySet<string> {
  const types = new Map(models.map((model) => [model.name, model.type]));
  const reached = new Set(from);
  // A set gives what is added while it is walked its turn.
  for (const name of reached) {
    const type = types.get(name);
    if (type !== undefined) for (const next of modelsIn(type)) reached.add(next);
  }
  return reached;
}

function isPlural(name: string): boolean {
  return /[a-z]{2}s$/.test(name) && !/(ss|us|is|as|ws|ics|eries|pecies|ettings|etails)$/.test(name);
}
