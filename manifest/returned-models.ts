import { isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import { describe, offsetOf, reject, resolve, scalarText, warn } from './document.ts';
import type { TypeExpression } from './manifest.ts';
import type { Script } from './script-keys.ts';
import type { Models } from './type-node.ts';

/** A model that a sync saves, and where it says so. */
export type ReturnedModel = { readonly name: string; readonly offset: number };

/** The models a sync saves (`returns` in v1, `output` in v2), each once; undefined after a mistake. */
export function readReturnedModels(
  script: Script,
  key: 'returns' | 'output',
  models: Models,
): readonly ReturnedModel[] | undefined {
  const { source, name, keys, entry } = script;
  const returns = keys.get(key);
  if (returns === undefined) {
    const message = `sync '${name}' has no '${key}': expected the model it saves, for example '${key}: Task'`;
    reject(source, entry.offset, message, 'model_not_found');
    return undefined;
  }
  const items = isSeq(returns.value) ? (returns.value.items as Node[]) : [returns.value];
  if (items.length === 0)
    reject(
      source,
      returns.offset,
      `${key} of sync '${name}' is an empty list: expected at least one model`,
      'model_not_found',
    );
  const found = items.flatMap((item) => readItem(script, key, models, resolve(source, item), returns.offset));
  // The first mention of each counts.
  const unique = new Map(found.toReversed().map((model) => [model.name, model]));
  return unique.size === 0 ? undefined : [...unique.values()].toReversed();
}

/** One item of the list: a model, or in v2 also several in the form of a union. */
function readItem(
  script: Script,
  key: 'returns' | 'output',
  models: Models,
  node: Node | null,
  otherwise: number,
): ReturnedModel[] {
  const offset = offsetOf(node, otherwise);
  const text = isScalar(node) ? scalarText(node) : '';
  if (text.trim() === '') {
    const message = `${key} of sync '${script.name}' is ${describe(node)}: expected the name of a model`;
    reject(script.source, offset, message, 'model_not_found');
    return [];
  }
  const members = key === 'output' ? text.split('|') : [text];
  return members.flatMap((member) => {
    const name = readModel(script, key, models, member.trim(), offset);
    return name === undefined ? [] : { name, offset };
  });
}

function readModel(
  script: Script,
  key: 'returns' | 'output',
  models: Models,
  written: string,
  offset: number,
): string | undefined {
  const { source, name } = script;
  const what = `${key} of sync '${name}'`;
  const model = written.replace(/\[\s*\]$/, '').trim();
  if (!models.has(model)) {
    const message = `${what} '${written.slice(0, 80)}': expected the name of a model listed under 'models:'`;
    reject(source, offset, message, 'model_not_found');
    return undefined;
  }
  if (!hasId(models.typeOf(model, offset))) {
    reject(source, offset, `${what} '${model}': ${ID_EXPECTED}`, 'model_missing_id');
    return undefined;
  }
  if (model !== written) warn(source, offset, `${what} '${written}': expected '${model}'; a sync always saves many`);
  return model;
}

/** What a model without `id` is answered, in every form of project. */
export const ID_EXPECTED = "expected a model with a field 'id' (string or number), by which its records are told apart";

/** Whether records of a type can be told apart. A type that could not be read was reported where it stands. */
export function hasId(type: TypeExpression | undefined): boolean {
  return type === undefined || (type.kind === 'object' && type.fields.some((field) => field.name === 'id'));
}
