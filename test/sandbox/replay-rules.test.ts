import { expect, test } from '@jest/globals';
import type { Journal, JournalEntry } from '../../contract/journal.ts';
import { hashArguments } from '../../sandbox/arguments.ts';
import { action, useSandbox } from './use-sandbox.ts';

const { run } = useSandbox();
const hash = hashArguments('seed');

/** A journal that begins with these entries; `recorded` is what is added to it. */
function journalOf(entries: readonly JournalEntry[], more: Partial<Journal> = {}) {
  const recorded: JournalEntry[] = [];
  let unread = entries;
  const read = async () => {
    const all = unread;
    unread = [];
    return all;
  };
  const record = (entry: JournalEntry) => void recorded.push(entry);
  return { recorded, journal: { read, record, hash, pending: new Map(), ...more } satisfies Journal };
}

const get = (endpoint: string) => `(await nango.get({ endpoint: '${endpoint}' })).data.asked.endpoint`;
const TWO = action(`return [${get('/a')}, ${get('/b')}];`);

async function entriesOf(code: string): Promise<JournalEntry[]> {
  const { recorded, journal } = journalOf([]);
  await run(code, { journal });
  return recorded;
}

test('a script is answered from its journal, without the Host', async () => {
  const { journal, recorded } = journalOf(await entriesOf(TWO));
  const { outcome, calls } = await run(TWO, { journal });
  expect([outcome, calls, recorded]).toEqual([{ status: 'completed', output: '["/a","/b"]', calls: 2 }, [], []]);
});

test('a script that ends before its journal does has gone another way', async () => {
  const { journal } = journalOf(await entriesOf(TWO));
  const { outcome } = await run(action(`return ${get('/a')};`), { journal });
  expect(outcome).toMatchObject({ status: 'diverged' });
});

test('the journal may say itself whether an entry answers a call', async () => {
  const entries = await entriesOf(TWO);
  const asked: string[] = [];
  const answers: Journal['answers'] = (entry, call) => {
    asked.push(`${entry.number} ${call.kind}`);
    return asked.length < 2;
  };
  const { outcome } = await run(action(`return [${get('/x')}, ${get('/y')}];`), {
    journal: journalOf(entries, { answers }).journal,
  });
  expect([outcome.status, asked]).toEqual(['diverged', ['0 request', '1 request']]);
});

test('calls apart are answered by the Host, and the entries are numbered without them', async () => {
  const entries = await entriesOf(TWO);
  const chatty = action(`
    await nango.log('one'); await nango.log('two');
    const first = ${get('/a')};
    await nango.log('three');
    return [first, ${get('/b')}, ${get('/c')}];`);
  const { journal } = journalOf(entries, { isApart: ({ kind }) => kind === 'log' });
  const { outcome, calls } = await run(chatty, { journal });
  expect(outcome).toMatchObject({ status: 'completed', output: '["/a","/b","/c"]' });
  expect(calls.map(({ kind }) => kind)).toEqual(['log', 'log', 'log', 'request']);
});
