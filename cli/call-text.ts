/** Host calls and their answers in a few words. */
import type { RequestConfig } from '../contract/host.ts';
import type { JournalKind } from '../contract/journal.ts';
import { count, oneLine } from './output.ts';

type Args = {
  readonly config?: RequestConfig;
  readonly model?: string;
  readonly ids?: readonly string[];
  /** Instead of `ids`, in a journal. */
  readonly rows?: number;
  readonly ms?: number;
};

/** A call as its script wrote it: `GET /tasks {"params":{"page":2}}`, `batchSave Task, 20 rows`. */
export function callText(kind: JournalKind, json: string): string {
  const args = JSON.parse(json) as Args;
  switch (kind) {
    case 'request':
      return requestText(args.config);
    case 'saveRecords':
      return `batchSave ${args.model}, ${count(args.rows ?? args.ids?.length ?? 0, 'row')}`;
    case 'updateRecords':
      return `batchUpdate ${args.model}, ${count(args.rows ?? args.ids?.length ?? 0, 'row')}`;
    case 'deleteRecords':
      return `batchDelete ${args.model}, ${count(args.ids?.length ?? 0, 'id')}`;
    case 'timer':
      return `setTimeout ${args.ms} ms`;
    default:
      return json === '{}' ? kind : `${kind} ${oneLine(json)}`;
  }
}

function requestText(config: RequestConfig | undefined): string {
  if (config === undefined) return 'a request';
  const { method, endpoint, params, data } = config;
  const more = { ...(params && { params }), ...(data !== undefined && { data }) };
  return `${method} ${oneLine(endpoint)}${Object.keys(more).length === 0 ? '' : ` ${oneLine(JSON.stringify(more))}`}`;
}

/** What a call was answered with, where that says something: `200, 5120 bytes`. */
export function answerText(
  kind: JournalKind,
  answer: { readonly ok: boolean; readonly json: string; readonly body: string | Uint8Array | undefined },
): string {
  const value = JSON.parse(answer.json) as { status?: number; code?: string; message?: string } | null;
  if (!answer.ok) return oneLine(`${value?.code}: ${value?.message}`);
  if (kind === 'request') return `${value?.status}, ${count(Buffer.byteLength(answer.body ?? ''), 'byte')}`;
  return kind === 'getCheckpoint' ? oneLine(answer.json) : '';
}
