/** What an operation says of its course: a run's log lines, a delivery's attempts, or what was written with it. */
import type { OperationMessage } from '../contract/operation.ts';
import type { Queryable } from './db.ts';
import type { OperationView } from './operation-list.ts';
import { messagesOfOperation } from './operations.ts';
import { type LinePage, logLines } from './run-logs.ts';
import { type Try, triesOfDelivery } from './webhook-deliveries.ts';

/** `seq` grows along an operation; a reader goes on after the last one it has seen. */
export type NumberedMessage = OperationMessage & { readonly seq: number };

/** Messages in their order. Those of a run that is still under way grow in number. */
export async function messagesOf(
  db: Queryable,
  environmentId: string,
  operation: Pick<OperationView, 'id' | 'source'>,
  page: LinePage,
): Promise<NumberedMessage[]> {
  const { id, source } = operation;
  switch (source) {
    case 'run':
      return (await logLines(db, { ...page, runId: id })).map((line) => ({ ...line, at: line.at.toISOString() }));
    case 'delivery': {
      const delivery = await triesOfDelivery(db, environmentId, id);
      return paged(delivery?.tries.map((made, index) => aboutTry(delivery.url, made, index + 1)) ?? [], page);
    }
    case 'log':
      return paged((await messagesOfOperation(db, environmentId, id)) ?? [], page);
    default:
      return source satisfies never;
  }
}

function paged(messages: readonly OperationMessage[], { afterSeq, limit, levels, text }: LinePage): NumberedMessage[] {
  const wanted = text?.toLowerCase() ?? '';
  return messages
    .map((message, index) => ({ ...message, seq: index + 1 }))
    .filter(({ seq, level }) => seq > afterSeq && (levels ?? [level]).includes(level))
    .filter(({ message, http }) => `${message} ${http?.request.url ?? ''}`.toLowerCase().includes(wanted))
    .slice(0, limit);
}

function aboutTry(
  url: string,
  { at, status, error, next_at: nextAt, took_ms }: Try,
  attempt: number,
): OperationMessage {
  const went = error ?? `answered ${status}`;
  const isGood = status !== null && status >= 200 && status < 300;
  const next = nextAt === null ? '' : `; the next one is at ${nextAt}`;
  return {
    at,
    level: isGood ? 'info' : nextAt === null ? 'error' : 'warn',
    message: `Attempt ${attempt}: ${went}${next}`,
    http: {
      request: { method: 'POST', url, headers: {} },
      response: status === null ? null : { status, headers: {} },
      duration_ms: took_ms,
    },
  };
}
