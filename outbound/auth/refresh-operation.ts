import type { RefreshState } from '../../contract/credentials.ts';
import type { NewOperation } from '../../contract/operation.ts';

type Refreshed = {
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** Absent where there is a new token. */
  readonly failure?: { readonly message: string; readonly retryAt: Date | null };
};

/** A refresh as the log keeps it. */
export function refreshOperation(
  { environmentId, providerConfigKey, connectionId }: RefreshState,
  { startedAt, endedAt, failure }: Refreshed,
): NewOperation {
  const about = { environmentId, providerConfigKey, connectionId, type: 'auth', operation: 'refresh_token' } as const;
  const at = endedAt.toISOString();
  if (failure === undefined) {
    const summary = `The token of connection '${connectionId}' was replaced`;
    const messages = [{ at, level: 'info', message: summary }] as const;
    return { ...about, status: 'success', summary, error: null, startedAt, endedAt, messages };
  }
  const { message, retryAt } = failure;
  const next =
    retryAt === null ? 'It has to be signed in again.' : `The next try is at ${retryAt.toISOString()} at the earliest.`;
  const code = retryAt === null ? 'connection_unauthorized' : 'refresh_failed';
  const messages = [
    { at, level: 'error', message },
    { at, level: 'info', message: next },
  ] as const;
  return { ...about, status: 'failed', summary: message, error: { code, message }, startedAt, endedAt, messages };
}
