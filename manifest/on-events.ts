import { isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import type { Entry, Source } from './document.ts';
import { describe, entriesOf, offsetOf, positionOf, reject, resolve, scalarText, warn } from './document.ts';
import { ON_EVENTS, type OnEvent, type OnEventDefinition } from './manifest.ts';
import { noteOnEvent } from './not-yet.ts';
import { isScriptName } from './script-keys.ts';

/** Reads `on-events:`, or the older `post-connection-scripts:`, which means the first of the events. Not both. */
export function readOnEvents(
  source: Source,
  section: Entry | undefined,
  older: Entry | undefined,
): readonly OnEventDefinition[] {
  if (section !== undefined && older !== undefined)
    reject(
      source,
      older.offset,
      "'post-connection-scripts' stands beside 'on-events': expected its scripts in 'post-connection-creation' of 'on-events'",
      'both_post_connection_scripts_and_on_events_present',
    );
  const scripts = section === undefined ? [] : readSection(source, section);
  const first = older === undefined ? [] : readScripts(source, older, ON_EVENTS[0]);
  for (const { name, event, offset } of [...scripts, ...first])
    warn(source, offset, noteOnEvent(name, event), 'not_supported_yet');
  return [...scripts, ...first].map(({ name, event, offset }) => ({ name, event, ...positionOf(source, offset) }));
}

type Found = { readonly name: string; readonly event: OnEvent; readonly offset: number };

function readSection(source: Source, section: Entry): Found[] {
  if (isEmpty(section.value)) return [];
  const entries = entriesOf(source, section.value, "'on-events'", offsetOf(section.value, section.offset)) ?? [];
  return entries.flatMap((entry) => {
    const event = ON_EVENTS.find((known) => known === entry.key);
    if (event !== undefined) return readScripts(source, entry, event);
    reject(source, entry.offset, `event '${entry.key.slice(0, 80)}': expected one of ${ON_EVENTS.join(', ')}`);
    return [];
  });
}

function readScripts(source: Source, entry: Entry, event: OnEvent): Found[] {
  if (isEmpty(entry.value)) return [];
  const items = isSeq(entry.value) ? (entry.value.items as Node[]) : [entry.value];
  return items.flatMap((item) => {
    const node = resolve(source, item);
    const offset = offsetOf(node, entry.offset);
    if (!isScalar(node)) {
      reject(source, offset, `a script of '${entry.key}' is ${describe(node)}: expected the name of a script`);
      return [];
    }
    const name = scalarText(node).trim();
    return isScriptName(source, name, offset) ? { name, event, offset } : [];
  });
}

function isEmpty(node: Node | null): boolean {
  return node === null || (isScalar(node) && scalarText(node) === '');
}
