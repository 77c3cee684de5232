import { isScalar } from 'yaml';
import { readV1Integration } from './definitions-v1.ts';
import { readV2Integration, V2_SECTIONS } from './definitions-v2.ts';
import type { Entry, Source } from './document.ts';
import { reject, scalarText } from './document.ts';
import type { Integration, Model } from './manifest.ts';
import type { Models } from './type-node.ts';

export type Integrations = {
  readonly version: 'v1' | 'v2';
  readonly integrations: readonly Integration[];
  /** The models made for inputs and outputs that are none. */
  readonly anonymous: readonly Model[];
};

/** Reads `integrations:`. The first integration that has any keys decides whether the file is a v1 or a v2 one. */
export function readIntegrations(source: Source, entries: readonly Entry[], models: Models): Integrations {
  const first = entries.find((entry) => keysOf(entry).length > 0);
  const version = first !== undefined && sectionOf(first) !== undefined ? 'v2' : 'v1';
  const anonymous = new Map<string, Model>();
  const integrations = entries.flatMap((entry) => {
    if (!isIntegrationName(source, entry)) return [];
    if (version === 'v2') return readV2Integration(source, entry, models, anonymous) ?? [];
    const section = sectionOf(entry);
    if (section === undefined) return readV1Integration(source, entry, models);
    const message = `integration '${entry.key}' has '${section}:', the v2 form, and the first one lists its scripts directly, the v1 form: expected one form throughout the file`;
    reject(source, entry.offset, message);
    return [];
  });
  return { version, integrations, anonymous: [...anonymous.values()] };
}

// Asks silently: whether a node is a mapping at all is for the readers to report.
function sectionOf(integration: Entry): string | undefined {
  return keysOf(integration).find((key) => V2_SECTIONS.includes(key));
}

function keysOf(entry: Entry): string[] {
  const items: readonly unknown[] = entry.value !== null && 'items' in entry.value ? entry.value.items : [];
  const keys = items.map((item) => (typeof item === 'object' && item !== null && 'key' in item ? item.key : undefined));
  return keys.flatMap((key) => (isScalar(key) ? scalarText(key) : []));
}

function isIntegrationName(source: Source, entry: Entry): boolean {
  if (isIntegrationId(entry.key)) return true;
  const message = `integration '${entry.key.slice(0, 80)}': expected an id without slashes, control characters or spaces around it`;
  reject(source, entry.offset, message);
  return false;
}

/** `${PWD}` and other odd ids are left alone; what cannot be part of a file name is refused. */
export function isIntegrationId(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  return text !== '' && !/[/\\\u0000-\u001f]/.test(text) && text.trim() === text && text !== '.' && text !== '..';
}
