/** What both versions say of a sync: how often it runs and which models it saves. */
import { isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import { describe, offsetOf, reject, resolve, scalarText, warn } from './document.ts';
import { parseFrequency } from './frequency.ts';
import type { TypeExpression } from './manifest.ts';
import { type Script, readText, valueOffset } from './script-keys.ts';
import type { Models } from './type-node.ts';

/** Reads `runs`; undefined after a mistake. */
export function readRuns(script: Script, version: 'v1' | 'v2'): { runs: string; intervalMs: number } | undefined {
  const { source, name, keys, entry } = script;
  if (!keys.has('runs')) {
    const message = `sync '${name}' has no 'runs': expected how often it runs, for example 'runs: every 30min'`;
    reject(source, entry.offset, message, 'invalid_runs');
    return undefined;
  }
  const text = readText(script, 'runs', "a frequency such as 'every 30min'");
  if (text === undefined) return undefined;
  const frequency = parseFrequency(text, version);
  if (!('fault' in frequency)) return frequency;
  const message = `sync '${name}' runs '${text.slice(0, 80)}': ${frequency.fault}`;
  reject(source, valueOffset(script, 'runs'), message, 'invalid_runs');
  return undefined;
}

/** Reads the models a sync saves, from `returns` (v1) or `output` (v2); undefined after a mistake. */
export function readSavedModels(
  script: Script,
  key: 'returns' | 'output',
  models: Models,
): readonly string[] | undefined {
  const { source, name, keys, entry } = script;
  const saved = keys.get(key);
  if (saved === undefined) {
    const message = `sync '${name}' has no '${key}': expected the model it saves, for example '${key}: Task'`;
    reject(source, entry.offset, message, 'model_not_found');
    return undefined;
  }
  const items = isSeq(saved.value) ? (saved.value.items as Node[]) : [saved.value];
  if (items.length === 0)
    reject(source, saved.offset, `${key} of sync '${name}' is an empty list: expected at least one model`);
  const names = items.flatMap((item) => readSavedModel(script, key, models, resolve(source, item), saved.offset) ?? []);
  return names.length === 0 ? undefined : [...new Set(names)];
}

function readSavedModel(
  script: Script,
  key: string,
  models: Models,
  node: Node | null,
  otherwise: number,
): string | undefined {
  const { source, name } = script;
  const offset = offsetOf(node, otherwise);
  const what = `${key} of sync '${name}'`;
  const written = isScalar(node) ? scalarText(node) : '';
  const model = written.replace(/\[\s*\]$/, '').trim();
  if (model === '') reject(source, offset, `${what} is ${describe(node)}: expected the name of a model`);
  else if (!models.has(model)) {
    const message = `${what} '${written.slice(0, 80)}': expected the name of a model listed under 'models:'`;
    reject(source, offset, message, 'model_not_found');
  } else if (hasId(models.typeOf(model, offset))) {
    if (model !== written) warn(source, offset, `${what} '${written}': expected '${model}'; a sync always saves many`);
    return model;
  } else {
    const expected = "expected a model with a field 'id' (string or number), by which its records are told apart";
    reject(source, offset, `${what} '${model}': ${expected}`, 'model_missing_id');
  }
  return undefined;
}

// A model that could not be read is reported where it stands, not once more for each sync that saves it.
function hasId(type: TypeExpression | undefined): boolean {
  return type === undefined || (type.kind === 'object' && type.fields.some((field) => field.name === 'id'));
}
