/** Scripts that run when something happens to a connection: `on-events:`, formerly `post-connection-scripts:`. */
import { isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import { ON_EVENTS } from '../contract/on-events.ts';
import type { Entry, Source } from './document.ts';
import { describe, entriesOf, offsetOf, positionOf, reject, resolve, scalarText } from './document.ts';
import type { OnEventDefinition } from './manifest.ts';
import { isScriptName } from './script-keys.ts';

/** Reads both forms; having both is a mistake. */
export function readOnEvents(source: Source, sections: readonly Entry[], what: string): OnEventDefinition[] {
  const events = sections.find(({ key }) => key === 'on-events');
  const old = sections.find(({ key }) => key === 'post-connection-scripts');
  if (events !== undefined && old !== undefined) {
    const message = `${what} has 'on-events' and 'post-connection-scripts': expected one of them; 'post-connection-creation' in 'on-events' is the new name`;
    reject(source, old.offset, message, 'both_post_connection_scripts_and_on_events_present');
  }
  const oldNames = old === undefined ? [] : namesOf(source, old, `post-connection-scripts of ${what}`);
  return [
    ...oldNames.map((name) => ({ ...name, event: 'post-connection-creation' as const, isOldForm: true })),
    ...(events === undefined ? [] : readSection(source, events, what)),
  ];
}

function readSection(source: Source, section: Entry, what: string): OnEventDefinition[] {
  const entries = entriesOf(source, section.value, `'on-events' of ${what}`, offsetOf(section.value, section.offset));
  return (entries ?? []).flatMap((entry) => {
    const event = ON_EVENTS.find((known) => known === entry.key);
    if (event !== undefined)
      return namesOf(source, entry, `${event} of ${what}`).map((name) => ({ ...name, event, isOldForm: false }));
    reject(
      source,
      entry.offset,
      `event '${entry.key.slice(0, 80)}' of ${what}: expected one of ${ON_EVENTS.join(', ')}`,
    );
    return [];
  });
}

type Name = Pick<OnEventDefinition, 'name' | 'line' | 'column'>;

function namesOf(source: Source, entry: Entry, what: string): Name[] {
  const items = isSeq(entry.value) ? (entry.value.items as Node[]) : [entry.value];
  const names = items.flatMap((item): Name[] => {
    const node = resolve(source, item);
    const offset = offsetOf(node, entry.offset);
    if (!isScalar(node) || node.value === null) {
      reject(source, offset, `${what} has ${describe(node)}: expected a list of names of scripts`);
      return [];
    }
    const name = scalarText(node).trim();
    return isScriptName(source, name, offset) ? [{ name, ...positionOf(source, offset) }] : [];
  });
  return [...new Map(names.map((name) => [name.name, name])).values()];
}
