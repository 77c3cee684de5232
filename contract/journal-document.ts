/**
 * The journal of an ended run as `GET /runs/:id/journal` gives it out and `nango replay` takes it: one JSON object a
 * line. The head comes first, then an entry for each answer in the order of delivery, then the end, or the failure that
 * kept it from coming. Credentials in it are masked.
 */
import type { RunKind } from './script.ts';
import type { FailureCode, ScriptLocation } from './failures.ts';
import type { JournalEntry } from './journal.ts';
import type { GuestContext, ScriptBundle } from './script.ts';

export const JOURNAL_FORMAT = 'nango-temporal-journal-1';

export type JournalHead = {
  readonly format: typeof JOURNAL_FORMAT;
  /** Version of the engine that gave it out. */
  readonly engine: string;
  readonly run: {
    readonly id: string;
    readonly kind: RunKind;
    readonly name: string;
    readonly state: string;
    readonly error: { readonly code: string; readonly message: string; readonly location?: ScriptLocation } | null;
  };
  readonly bundle: ScriptBundle;
  readonly context: GuestContext;
  /** JSON text; null when there is none. */
  readonly input: string | null;
  /** Hex: the random numbers of the script and the arguments' hashes follow from it. */
  readonly seed: string;
  /** The time the script saw at its first line, ISO. */
  readonly beginsAt: string;
  readonly limits: { readonly memoryMb: number; readonly cpuMs: number };
};

export type JournalLine = Omit<JournalEntry, 'body'> & {
  readonly body?: string;
  /** Set where the script got bytes: how `body` spells them. */
  readonly bytes?: 'utf8' | 'base64';
  /** The answer is not what the script got then: something in it is masked. */
  readonly masked?: true;
};

export type JournalEnd = { readonly entries: number };
export type JournalFailure = { readonly failure: { readonly code: FailureCode; readonly message: string } };

const SECRET_HEADERS = /^(proxy-)?authorization$|^cookie$/i;
const MASK = '(masked)';

/** A call's arguments, parsed, with those headers masked that exist to carry secrets. */
export function maskHeaders(args: unknown): unknown {
  if (!isObject(args) || !isObject(args['config']) || !isObject(args['config']['headers'])) return args;
  const headers = Object.fromEntries(
    Object.entries(args['config']['headers']).map(([name, value]) => [name, SECRET_HEADERS.test(name) ? MASK : value]),
  );
  return { ...args, config: { ...args['config'], headers } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
