import { decodeChunk } from '../store/journal-codec.ts';
import { journalChunk } from '../store/journal.ts';
import { type JournalSource, journalSource } from '../store/journal-source.ts';
import { openCalls, sealedCallsOf } from '../store/run-calls.ts';
import type { ApiDeps } from './deps.ts';
import { createJournalMask, type JournalMask, type MaskedEntry } from './journal-mask.ts';

/** More calls than a person reads; the journal itself has them all. */
const MOST_CALLS = 1_000;
const LONGEST_TEXT = 300;

/** One call of a script, or several that were the same one after the other. */
export type RunCall = {
  readonly text: string;
  /** Empty where it says nothing. */
  readonly answer: string;
  readonly ok: boolean;
  /** When it was answered, the last of them. */
  readonly at: string;
  /** Since the answer before, waits included. */
  readonly took_ms: number;
  readonly times: number;
};

export type RunCalls = {
  readonly calls: readonly RunCall[];
  /** So many more were made behind the first `left_out_after` of the list; null for an unknown number at its end. */
  readonly left_out: number | null;
  readonly left_out_after: number;
};

type Deps = Pick<ApiDeps, 'db' | 'box'>;

/**
 * What a run's script asked of the engine, in the order of the answers: from its journal while that is there, else from
 * the few words that are kept of each call; masked as the journal is that leaves the engine.
 */
export async function callsOfRun(deps: Deps, runId: string): Promise<RunCalls> {
  const source = await journalSource(deps.db, runId);
  if (source === undefined || source.beginsAt === null) return { calls: [], left_out: 0, left_out_after: 0 };
  const mask = createJournalMask(JSON.parse(deps.box.open(source.sealedCredentials)));
  const isKept = source.keptBytes > 0 && source.keptBytes >= source.journalBytes;
  const told = isKept ? null : await sealedCallsOf(deps.db, runId);
  return told === null ? journalled(deps, source, source.beginsAt, mask) : toldCalls(deps, told, mask);
}

function toldCalls({ box }: Deps, sealed: string, mask: JournalMask): RunCalls {
  const { first, leftOut, last } = openCalls(box, sealed);
  const calls = [...first, ...last].map(({ text, answer, ok, at, tookMs, times }) => ({
    text: maskedText(text, mask),
    answer: answer === 'done' ? '' : answer,
    ok,
    at: new Date(at).toISOString(),
    took_ms: tookMs,
    times,
  }));
  return { calls, left_out: leftOut, left_out_after: first.length };
}

function maskedText(text: string, mask: JournalMask): string {
  const entry = { number: 0, kind: 'request', argsHash: '', ok: true, json: '', body: undefined, now: 0 } as const;
  return JSON.parse(mask({ ...entry, args: JSON.stringify(text) }).args);
}

async function journalled(deps: Deps, source: JournalSource, beginsAt: Date, mask: JournalMask): Promise<RunCalls> {
  const calls: RunCall[] = [];
  let before = beginsAt.getTime();
  for (let chunk = 0; chunk < source.chunks; chunk += 1) {
    const place = { runId: source.runId, generation: source.generation, chunk };
    const data = await journalChunk(deps.db, place);
    if (data === undefined) break;
    for (const entry of decodeChunk(deps.box, place, data).map(mask)) {
      // Log lines stand in the log already.
      if (entry.kind === 'log') continue;
      if (calls.length === MOST_CALLS) return { calls, left_out: null, left_out_after: MOST_CALLS };
      calls.push(journalledCall(entry, before));
      before = entry.now;
    }
  }
  return { calls, left_out: 0, left_out_after: calls.length };
}

function journalledCall({ kind, args, ok, json, now }: MaskedEntry, before: number): RunCall {
  return {
    text: callText(kind, args).slice(0, LONGEST_TEXT),
    answer: answerText(ok, json).slice(0, LONGEST_TEXT),
    ok,
    at: new Date(now).toISOString(),
    took_ms: Math.max(0, now - before),
    times: 1,
  };
}

type Args = {
  readonly config?: { readonly method?: string; readonly endpoint?: string; readonly params?: unknown };
  readonly model?: string;
  readonly rows?: number;
  readonly ids?: readonly unknown[];
  readonly ms?: number;
};

function callText(kind: MaskedEntry['kind'], json: string): string {
  const { config, model, rows, ids, ms }: Args = JSON.parse(json) ?? {};
  const size = rows ?? ids?.length ?? 0;
  if (config)
    return `${config.method ?? 'GET'} ${config.endpoint}${config.params ? ` ${JSON.stringify(config.params)}` : ''}`;
  if (kind === 'saveRecords') return `batchSave ${model}, ${size} ${size === 1 ? 'row' : 'rows'}`;
  if (kind === 'deleteRecords') return `batchDelete ${model}, ${size} ${size === 1 ? 'row' : 'rows'}`;
  if (kind === 'timer') return `setTimeout ${ms} ms`;
  return json === '{}' ? kind : `${kind} ${json}`;
}

function answerText(ok: boolean, json: string): string {
  const value: { status?: number; code?: string; message?: string } | null = JSON.parse(json);
  if (!ok) return `${value?.code}: ${value?.message}`;
  return value?.status === undefined ? '' : String(value.status);
}
