import { isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import { positionOf, scalarText } from './document.ts';
import type { Model, TypeExpression } from './manifest.ts';
import { unionOf } from './model.ts';
import type { Script } from './script-keys.ts';
import { type Models, type Reading, readType } from './type-node.ts';

/** The input or output of a v1 action, as a type of its own. */
export function readV1Signature(script: Script, key: 'input' | 'returns', models: Models): TypeExpression | undefined {
  const reading = { source: script.source, models, words: 'mistake' } as const;
  return readSignature(script, key, reading, `${key} of action '${script.name}'`);
}

/** What makes the name of an anonymous model. */
export type Owner = {
  readonly integration: string;
  readonly kind: 'sync' | 'action';
  readonly anonymous: Map<string, Model>;
};

/**
 * The input or output of a v2 script: always a reference. What is no model by itself (`Task[]`, `string`, a union)
 * becomes an anonymous one, added to `owner.anonymous`. A list of models says what may come back and stays a union.
 */
export function readV2Signature(
  script: Script,
  key: 'input' | 'output',
  models: Models,
  owner: Owner,
): TypeExpression | undefined {
  const reading = { source: script.source, models, words: 'model_is_literal' } as const;
  const type = readSignature(script, key, reading, `${key} of ${owner.kind} '${script.name}'`);
  const isList = isSeq(script.keys.get(key)?.value) && key === 'output';
  if (type === undefined || type.kind === 'model' || isList) return type;
  const wished = anonymousName(owner, script.name, key);
  const taken = (name: string) => models.has(name) || owner.anonymous.has(name);
  const name = freeName(wished, taken);
  const position = positionOf(script.source, script.keys.get(key)?.offset ?? script.entry.offset);
  owner.anonymous.set(name, { name, type, anonymous: true, ...position });
  return { kind: 'model', name };
}

/** Characters that no type's name can have become `_`. */
export function anonymousName(
  owner: { readonly integration: string; readonly kind: string },
  script: string,
  key: 'input' | 'output',
): string {
  return `Anonymous_${owner.integration}_${owner.kind}_${script}_${key}`.replace(/\W/g, '_');
}

/** The name, or the name with the first number that makes it free. */
export function freeName(name: string, taken: (name: string) => boolean): string {
  if (!taken(name)) return name;
  let number = 2;
  while (taken(`${name}_${number}`)) number += 1;
  return `${name}_${number}`;
}

function readSignature(script: Script, key: string, reading: Reading, what: string): TypeExpression | undefined {
  const entry = script.keys.get(key);
  if (entry === undefined || (isScalar(entry.value) && scalarText(entry.value) === '')) return undefined;
  if (key === 'input' || !isSeq(entry.value)) return readType(reading, entry.value, what, entry.offset);
  // `returns: [A, B]` lists what may come back; it is not the list type that the same form means inside a model.
  const members = (entry.value.items as Node[]).map((item) => readType(reading, item, what, entry.offset));
  const known = members.filter((member) => member !== undefined);
  return known.length === 0 ? undefined : unionOf(known);
}
