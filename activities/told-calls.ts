import type { JournalEntry } from '../contract/journal.ts';
import { answerText, callText } from '../sandbox/call-trace.ts';
import type { ToldCall, ToldCalls } from '../store/run-calls.ts';

type Heard = Pick<JournalEntry, 'kind' | 'args' | 'ok' | 'json' | 'now'>;

/** Lines at the beginning, and as many at the end. */
const KEPT = 100;
/** Longer texts are not parsed for a line: an upload would cost its call milliseconds. */
const LONGEST_PARSED = 64 * 1024;

/** Tells a run's calls in few words, in the order of their answers; it holds no more of them however many there are. */
export function tellCalls(beginsAt: Date): { readonly hear: (entry: Heard) => void; readonly told: () => ToldCalls } {
  const first: ToldCall[] = [];
  const last: ToldCall[] = [];
  let leftOut = 0;
  let before = beginsAt.getTime();
  return {
    hear: (entry) => {
      // What a script logs stands in the log.
      if (entry.kind === 'log') return;
      const call = toldCall(entry, before);
      before = entry.now;
      const lines = last.length > 0 ? last : first;
      const previous = lines.at(-1);
      if (previous !== undefined && isSame(previous, call)) {
        const { at } = call;
        lines.splice(-1, 1, { ...previous, at, tookMs: previous.tookMs + call.tookMs, times: previous.times + 1 });
        return;
      }
      if (first.length < KEPT) first.push(call);
      else last.push(call);
      if (last.length > KEPT) leftOut += last.shift()?.times ?? 0;
    },
    told: () => ({ first, leftOut, last }),
  };
}

function toldCall({ kind, args, ok, json, now }: Heard, before: number): ToldCall {
  const isLong = args.length + json.length > LONGEST_PARSED;
  return {
    text: isLong ? kind : callText({ kind, json: args }),
    answer: isLong ? '' : answerText({ kind }, { ok, json }),
    ok,
    at: now,
    tookMs: Math.max(0, now - before),
    times: 1,
  };
}

function isSame(one: ToldCall, other: ToldCall): boolean {
  return one.text === other.text && one.answer === other.answer && one.ok === other.ok;
}
