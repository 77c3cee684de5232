/** Pages of lists in a recording, which may hold less of a list than its API had (facts: templates, section A7). */
import type { ListPage } from '../../contract/host.ts';
import type { MockCall } from './identity.ts';
import { isRecord, type RecordedAnswer, type Recording } from './recording.ts';

/** The answer to a call for a page; undefined when nothing recorded matches it. */
export type Pages = (call: MockCall, page: ListPage) => RecordedAnswer | undefined;

/** A call for a page behind the last one gets it. */
const EMPTY_PAGE: RecordedAnswer = { status: 200, headers: {}, response: [] };

/**
 * A page that was recorded without headers is all there is of its list. In the old form, whose tests read less of a list
 * than a run does, a list also ends where its recording does.
 */
export function openPages(recording: Recording): Pages {
  let endsWithRecording = recording.form === 'old';
  return (call, { number, rowsAt }) => {
    const answer = recording.answer(call);
    if (answer === undefined) return number > 1 && endsWithRecording ? EMPTY_PAGE : undefined;
    if (answer.headers !== undefined) return answer;
    endsWithRecording = true;
    if (number > 1) return EMPTY_PAGE;
    return recording.form === 'old' ? { ...answer, response: wholeList(answer.response, rowsAt) } : answer;
  };
}

/**
 * A list of the old form, which may be bare where its script looks for it at a path, and may lie anywhere in the answer
 * where the script names no path: as the script looks for it.
 */
function wholeList(response: unknown, rowsAt: string | undefined): unknown {
  if (rowsAt !== undefined) return Array.isArray(response) ? { [rowsAt]: response } : response;
  return isRecord(response) ? Object.values(response).filter(Array.isArray).flat() : response;
}
