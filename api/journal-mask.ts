/**
 * Takes credentials out of a journal that leaves the engine. Each secret becomes the same stand-in wherever it occurs,
 * so a script that is run again from the journal makes the same calls with the stand-ins.
 */

import type { JournalEntry, JournalKind } from '../contract/journal.ts';
import { maskHeaders } from '../contract/journal-document.ts';

export type MaskedEntry = JournalEntry & { readonly masked?: true };
export type JournalMask = (entry: JournalEntry) => MaskedEntry;

/** What the answer of each kind may hold; whoever adds a kind decides it here. */
const ANSWERS: Readonly<Record<JournalKind, 'credentials' | 'variables' | 'text'>> = {
  getConnection: 'credentials',
  getIntegration: 'credentials',
  getEnvironmentVariables: 'variables',
  request: 'text',
  saveRecords: 'text',
  updateRecords: 'text',
  deleteRecords: 'text',
  readRecords: 'text',
  startTracking: 'text',
  deleteUnseen: 'text',
  setMergingStrategy: 'text',
  log: 'text',
  setMetadata: 'text',
  updateMetadata: 'text',
  getCheckpoint: 'text',
  saveCheckpoint: 'text',
  acquireLock: 'text',
  releaseLock: 'text',
  uncontrolledFetch: 'text',
  triggerAction: 'text',
  triggerSync: 'text',
  startSync: 'text',
  timer: 'text',
};
/** Members of credentials that are none. */
const PLAIN = new Set(['type', 'expires_at']);
/** Shorter ones are masked where they stand alone; inside of other texts they would be found by accident. */
const FINDABLE = 8;

/** @param credentials those of the run's connection; the ones that the script got are learnt from its answers. */
export function createJournalMask(credentials: unknown): JournalMask {
  const standIns = new Map<string, string>();
  const taken = new Set<string>();

  const standInFor = (secret: string, path: string): string => {
    const known = standIns.get(secret);
    if (known !== undefined) return known;
    let name = `(masked ${path})`;
    for (let count = 2; taken.has(name); count += 1) name = `(masked ${path} ${count})`;
    taken.add(name);
    standIns.set(secret, name);
    return name;
  };
  const maskCredentials = (value: unknown, path: string): unknown => {
    if (typeof value === 'string') return value === '' ? value : standInFor(value, path);
    if (Array.isArray(value)) return value.map((item, index) => maskCredentials(item, `${path}.${index}`));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [
        key,
        PLAIN.has(key) ? member : maskCredentials(member, `${path}.${key}`),
      ]),
    );
  };
  const maskVariables = (variables: readonly { readonly name: string; readonly value: string }[]) =>
    variables.map(({ name, value }) => ({ name, value: maskCredentials(value, `variables.${name}`) }));
  const maskText = (text: string): string => {
    let masked = text;
    for (const [secret, standIn] of spellings(standIns)) masked = masked.replaceAll(secret, standIn);
    return masked;
  };
  const maskLeaves = (value: unknown): unknown => {
    if (typeof value === 'string') return standIns.get(value) ?? maskText(value);
    if (Array.isArray(value)) return value.map(maskLeaves);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, maskLeaves(member)]));
  };
  const maskAnswer = ({ kind, ok, json }: JournalEntry): string => {
    if (!ok || ANSWERS[kind] === 'text') return maskText(json);
    if (ANSWERS[kind] === 'variables') return JSON.stringify(maskVariables(JSON.parse(json)));
    const mask = (key: string, value: unknown) => (key === 'credentials' ? maskCredentials(value, key) : value);
    const members = Object.entries(JSON.parse(json)).map(([key, value]) => [key, mask(key, value)]);
    return JSON.stringify(Object.fromEntries(members));
  };

  maskCredentials(credentials, 'credentials');
  return (entry) => {
    const json = maskAnswer(entry);
    const args = JSON.stringify(maskLeaves(maskHeaders(JSON.parse(entry.args))));
    const body = maskBody(entry.body, maskText);
    const masked = json !== entry.json || body !== entry.body;
    return { ...entry, json, args, body, ...(masked && { masked }) };
  };
}

/** The secrets that can be found inside of texts, longest first, as JSON and URLs spell them too. */
function spellings(standIns: ReadonlyMap<string, string>): [string, string][] {
  const found = [...standIns].filter(([secret]) => secret.length >= FINDABLE);
  const all = found.flatMap(([secret, standIn]): [string, string][] => [
    [secret, standIn],
    [JSON.stringify(secret).slice(1, -1), standIn],
    [encodeURIComponent(secret.toWellFormed()), encodeURIComponent(standIn)],
    [Buffer.from(secret).toString('latin1'), standIn],
  ]);
  return [...new Map(all)].sort(([a], [b]) => b.length - a.length);
}

function maskBody(body: JournalEntry['body'], maskText: (text: string) => string): JournalEntry['body'] {
  if (body === undefined) return undefined;
  if (typeof body === 'string') return maskText(body);
  // Byte for byte one character: what is no text is searched as well, and stays what it is elsewhere.
  const text = Buffer.from(body).toString('latin1');
  const masked = maskText(text);
  return masked === text ? body : Buffer.from(masked, 'latin1');
}
