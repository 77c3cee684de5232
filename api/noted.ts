/** Writing down how something went, for `/logs`, without a say in how it goes. */
import type { FailureCode } from '../contract/failures.ts';
import type { NewOperation, OperationMessage } from '../contract/operation.ts';
import type { ApiDeps } from './deps.ts';
import { translate } from './failures.ts';

type About = Pick<NewOperation, 'environmentId' | 'type' | 'operation' | 'providerConfigKey' | 'connectionId'>;
/** What is known of it once it went well. */
type Told = { readonly summary: string; readonly connectionId?: string | null; readonly messages?: readonly string[] };

/**
 * Does a step and notes it as an operation: a failure as what the caller is told of it, a success as `told` says, or not
 * at all where that says nothing. What the step throws is thrown on.
 */
export async function noted<T>(
  deps: Pick<ApiDeps, 'operations' | 'clock'>,
  about: About,
  step: () => Promise<T>,
  told: (result: T) => Told | undefined,
): Promise<T> {
  const startedAt = deps.clock();
  const add = (
    rest: Pick<NewOperation, 'status' | 'summary' | 'error'>,
    lines: readonly OperationMessage[],
    to: About,
  ) => deps.operations.add({ ...to, ...rest, startedAt, endedAt: deps.clock(), messages: lines });
  const line = (level: OperationMessage['level'], message: string) => ({
    at: deps.clock().toISOString(),
    level,
    message,
  });
  try {
    const result = await step();
    const said = told(result);
    if (said === undefined) return result;
    const { summary, messages = [], connectionId = about.connectionId } = said;
    const lines = [summary, ...messages].map((message) => line('info', message));
    add({ status: 'success', summary, error: null }, lines, { ...about, connectionId });
    return result;
  } catch (thrown) {
    const error = failureOf(thrown);
    add({ status: 'failed', summary: error.message, error }, [line('error', error.message)], about);
    throw thrown;
  }
}

/** The same for a step that makes a connection or signs it in again. */
export function notedSignIn<T>(
  deps: Pick<ApiDeps, 'operations' | 'clock'>,
  at: { readonly environmentId: string; readonly providerConfigKey: string; readonly connectionId: string | null },
  step: () => Promise<T>,
  made: (result: T) => { readonly connectionId: string; readonly created: boolean } | undefined,
): Promise<T> {
  return noted(deps, { ...at, type: 'auth', operation: 'create_connection' }, step, (result) => {
    const connection = made(result);
    if (connection === undefined) return undefined;
    const { connectionId, created } = connection;
    const what = created ? 'was created' : 'was given new credentials';
    return { connectionId, summary: `Connection '${connectionId}' ${what}` };
  });
}

/** A failure as everybody may read it. */
export function failureOf(thrown: unknown): { readonly code: FailureCode; readonly message: string } {
  const known = translate(thrown);
  if (known !== undefined) return { code: known.code, message: known.message };
  return { code: 'internal', message: 'Something failed on the server; its own log has the reason.' };
}
