import { Button, Group, Stack, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import { Moment } from '../parts/moment.tsx';
import { State } from '../parts/state.tsx';
import type { StoredRecord } from '../shapes.ts';

/** More of a value than this is shown on request: one of many megabytes stops a browser. */
const SHOWN_CHARACTERS = 10_000;
const SHOWN_ENTRIES = 100;

/** What happened to a record, as far as is kept: when it was first seen, last changed, and deleted or cut down. */
export function RecordHistory({ of }: { readonly of: StoredRecord['_nango_metadata'] }) {
  const steps: readonly (readonly [string, string | null])[] = [
    ['first seen', of.first_seen_at],
    ['last changed', of.last_modified_at],
    ['deleted', of.deleted_at],
    ['payload pruned', of.pruned_at],
  ];
  return (
    <Group gap="md" component="section" aria-label="History">
      <State of={of.last_action} />
      {steps.map(
        ([name, at]) =>
          at && (
            <Text key={name} size="sm">
              {name} <Moment at={at} />
            </Text>
          ),
      )}
    </Group>
  );
}

/** A payload as a tree whose branches open one by one, and as the text it is. */
export function RecordTree({ of }: { readonly of: object }) {
  const [isText, setText] = useState(false);
  return (
    <Stack gap="xs">
      <Group>
        <Button variant="default" size="xs" onClick={() => setText(!isText)}>
          {isText ? 'Show as a tree' : 'Show as text'}
        </Button>
      </Group>
      {isText ? (
        <WholeText of={of} />
      ) : (
        <ul className="tree">
          <Entries of={of} depth={0} />
        </ul>
      )}
    </Stack>
  );
}

function Entries({ of, depth }: { readonly of: object; readonly depth: number }) {
  const [shown, setShown] = useState(SHOWN_ENTRIES);
  const entries = useMemo(() => Object.entries(of), [of]);
  return (
    <>
      {entries.slice(0, shown).map(([name, value]) => (
        <li key={name}>
          {typeof value === 'object' && value !== null ? (
            <Branch name={name} of={value} depth={depth} />
          ) : (
            <Leaf name={name} of={value} />
          )}
        </li>
      ))}
      {entries.length > shown && (
        <li>
          <Button variant="default" size="compact-xs" onClick={() => setShown(shown + 10 * SHOWN_ENTRIES)}>
            {(entries.length - shown).toLocaleString('en')} more
          </Button>
        </li>
      )}
    </>
  );
}

/** What is closed is not in the page. */
function Branch({ name, of, depth }: { readonly name: string; readonly of: object; readonly depth: number }) {
  const [isOpen, setOpen] = useState(depth === 0 && Object.keys(of).length <= SHOWN_ENTRIES);
  const size = Object.keys(of).length.toLocaleString('en');
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <b className="odd-name">{name}</b> {Array.isArray(of) ? `[${size}]` : `{${size}}`}
      </summary>
      {isOpen && (
        <ul className="tree">
          <Entries of={of} depth={depth + 1} />
        </ul>
      )}
    </details>
  );
}

function Leaf({ name, of }: { readonly name: string; readonly of: unknown }) {
  const [all, setAll] = useState(false);
  const text = JSON.stringify(of) ?? 'undefined';
  const isCut = !all && text.length > SHOWN_CHARACTERS;
  return (
    <>
      <b className="odd-name">{name}</b>{' '}
      <span className="odd-name">{isCut ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text}</span>{' '}
      {isCut && <ShowAll characters={text.length} show={() => setAll(true)} />}
    </>
  );
}

function WholeText({ of }: { readonly of: object }) {
  const [all, setAll] = useState(false);
  const text = useMemo(() => JSON.stringify(of, null, 2), [of]);
  const isCut = !all && text.length > SHOWN_CHARACTERS;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard */}
      <pre className="code" tabIndex={0}>
        {isCut ? text.slice(0, SHOWN_CHARACTERS) : text}
      </pre>
      {isCut && <ShowAll characters={text.length} show={() => setAll(true)} />}
    </>
  );
}

function ShowAll({ characters, show }: { readonly characters: number; readonly show: () => void }) {
  return (
    <Button variant="default" size="compact-xs" onClick={show}>
      Show all {characters.toLocaleString('en')} characters
    </Button>
  );
}
