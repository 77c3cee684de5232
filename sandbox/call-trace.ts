/** The last host calls of a script, for the failure it may end with. */
import type { JournalKind } from '../contract/journal.ts';

export type TracedCall = {
  readonly kind: JournalKind;
  /** The arguments as JSON text. */
  readonly json: string;
};
type Answer = { readonly ok: boolean; readonly json: string };

export type CallTrace = {
  readonly note: (call: TracedCall, answer: Answer) => void;
  /** One line a call, oldest first; those under way come last. */
  readonly lines: (underWay: readonly TracedCall[]) => string[];
};

const KEPT = 5;
const LONGEST_LINE = 200;
/** As authors write them, where that is another name. */
const NAMES: Partial<Record<JournalKind, string>> = {
  saveRecords: 'batchSave',
  deleteRecords: 'batchDelete',
  timer: 'setTimeout',
};

/** Keeps the last few calls as they are; words are made of them only when somebody wants to read them. */
export function openCallTrace(): CallTrace {
  const answered: { readonly call: TracedCall; readonly answer: Answer }[] = [];
  return {
    note: (call, answer) => {
      // What a script logs stands in the log.
      if (call.kind === 'log') return;
      answered.push({ call, answer });
      if (answered.length > KEPT) answered.shift();
    },
    lines: (underWay) =>
      [
        ...answered.map(({ call, answer }) => `${callText(call)} → ${answerText(call, answer)}`),
        ...underWay.filter(({ kind }) => kind !== 'log').map((call) => `${callText(call)} → no answer yet`),
      ].slice(-KEPT),
  };
}

type Args = {
  readonly config?: { readonly method?: string; readonly endpoint?: string };
  readonly model?: string;
  readonly ms?: number;
  /** Of rows that were saved or deleted; a journal keeps of the former how many they were. */
  readonly ids?: readonly unknown[];
  readonly rows?: number;
};

/** Without query, parameters and bodies: they may hold what is nobody's business. */
export function callText({ kind, json }: TracedCall): string {
  const { config, model, ms, ids, rows = ids?.length } = argumentsOf(json);
  const name = NAMES[kind] ?? kind;
  const text =
    kind === 'request'
      ? `${config?.method ?? 'GET'} ${String(config?.endpoint ?? '').replace(/[?#].*$/s, '')}`
      : [name, modelText(model, rows), ms === undefined ? undefined : `${ms} ms`].filter(Boolean).join(' ');
  return text.slice(0, LONGEST_LINE);
}

function modelText(model: string | undefined, rows: number | undefined): string | undefined {
  if (model === undefined || rows === undefined) return model;
  return `${model}, ${rows} ${rows === 1 ? 'row' : 'rows'}`;
}

/** Those of a call that was refused may be anything. */
function argumentsOf(json: string): Args {
  const given: unknown = JSON.parse(json);
  return typeof given === 'object' && given !== null ? given : {};
}

/** A status, the code of a failure, or `done`. */
export function answerText({ kind }: Pick<TracedCall, 'kind'>, { ok, json }: Answer): string {
  if (ok && kind !== 'request') return 'done';
  const answer: { status?: number; code?: string } | null = JSON.parse(json);
  return String((ok ? answer?.status : answer?.code) ?? 'done');
}
