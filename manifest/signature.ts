import { isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import { scalarText } from './document.ts';
import type { TypeExpression } from './manifest.ts';
import { unionOf } from './model.ts';
import type { Script } from './script-keys.ts';
import { type Models, readType } from './type-node.ts';

/** Reads what a script is given or answers: any type of the model language. Undefined when there is none. */
export function readSignature(
  script: Script,
  key: 'input' | 'returns' | 'output',
  what: string,
  models: Models,
): TypeExpression | undefined {
  const entry = script.keys.get(key);
  if (entry === undefined || (isScalar(entry.value) && scalarText(entry.value) === '')) return undefined;
  const reading = { source: script.source, models, words: 'mistake' } as const;
  if (key === 'input' || !isSeq(entry.value)) return readType(reading, entry.value, what, entry.offset);
  // `returns: [A, B]` lists what may come back; it is not the list type that the same form means inside a model.
  const members = (entry.value.items as Node[]).map((item) => readType(reading, item, what, entry.offset));
  const known = members.filter((member) => member !== undefined);
  return known.length === 0 ? undefined : unionOf(known);
}
