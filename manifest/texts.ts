import { isScalar, isSeq } from 'yaml';
import { describe, offsetOf, reject, resolve, scalarText } from './document.ts';
import type { Script } from './script-keys.ts';

/** A key that is one text, several with commas between them, or a list of texts. Doubles are dropped. */
export function readTexts(script: Script, key: 'scopes' | 'webhook-subscriptions'): string[] {
  const entry = script.keys.get(key);
  if (entry === undefined) return [];
  const { source, name } = script;
  const nodes: unknown[] = isSeq(entry.value) ? entry.value.items : [entry.value];
  const texts = nodes.flatMap((item) => {
    const node = resolve(source, item as Parameters<typeof resolve>[1]);
    if (isScalar(node) && (node.value !== null || nodes.length === 1))
      return scalarText(node)
        .split(',')
        .map((text) => text.trim());
    const message = `${key} of '${name}' has ${describe(node)}: expected a text, or a list of texts`;
    reject(source, offsetOf(node, entry.offset), message);
    return [];
  });
  return [...new Set(texts.filter((text) => text !== ''))];
}
