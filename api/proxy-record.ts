import type { Request, Response } from 'express';
import type { NewOperation, OperationMessage } from '../contract/operation.ts';
import type { Sighting, Watch } from '../outbound/watch.ts';
import type { Environment } from '../store/environments.ts';
import type { ApiDeps } from './deps.ts';
import type { ConnectionAddress } from './known.ts';
import { failureOf } from './noted.ts';

export type ProxyRecord = {
  readonly exchange: Watch;
  /** Does a step; what it throws is how the call failed, and is thrown on. */
  readonly whatFails: <T>(step: () => Promise<T>) => Promise<T>;
  /** The answer broke off after its head. */
  readonly broken: () => void;
};

const MOST_MESSAGES = 100;

/** Follows a call of `/proxy` until its answer is sent, broken or given up, and then notes it as an operation. */
export function recordProxyCall(
  { operations, clock }: Pick<ApiDeps, 'operations' | 'clock'>,
  call: {
    readonly environment: Environment;
    readonly address: ConnectionAddress;
    readonly request: Request;
    readonly response: Response;
  },
): ProxyRecord {
  const { environment, address, request, response } = call;
  const startedAt = clock();
  const messages: OperationMessage[] = [];
  let failed: NewOperation['error'] = null;
  response.once('close', () => {
    const endedAt = clock();
    const { status, went, line } = endOf(response, failed);
    if (line !== undefined) messages.push({ ...line, at: endedAt.toISOString() });
    operations.add({
      ...{ environmentId: environment.id, type: 'proxy', operation: 'call', ...address },
      ...{ status, summary: `${request.method} ${pathOf(request)}: ${went}`, error: failed },
      ...{ startedAt, endedAt, messages },
    });
  });
  return {
    exchange: (sighting) => {
      if (messages.length < MOST_MESSAGES) messages.push(messageOf(sighting, clock()));
    },
    whatFails: async (step) => {
      try {
        return await step();
      } catch (error) {
        if (!response.destroyed) failed = failureOf(error);
        throw error;
      }
    },
    broken: () => {
      // Whoever goes away breaks it too, and that is no failure of the upstream.
      if (!response.destroyed) failed = { code: 'upstream_unreachable', message: 'The API broke off its answer' };
    },
  };
}

type End = Pick<NewOperation, 'status'> & {
  readonly went: string;
  readonly line?: Omit<OperationMessage, 'at'>;
};

function endOf({ writableFinished, statusCode }: Response, failed: NewOperation['error']): End {
  if (failed !== null)
    return { status: 'failed', went: failed.code, line: { level: 'error', message: failed.message } };
  if (writableFinished) return { status: statusCode < 400 ? 'success' : 'failed', went: `answered ${statusCode}` };
  const message = 'The caller went away before the answer was complete';
  return { status: 'cancelled', went: 'given up by the caller', line: { level: 'warn', message } };
}

function messageOf({ http, failure }: Sighting, at: Date): OperationMessage {
  const { request, response } = http;
  const path = request.url.replace(/[?#].*$/s, '');
  const went = failure ?? `answered ${response?.status}`;
  const level = failure !== undefined || (response?.status ?? 0) >= 400 ? 'warn' : 'info';
  return { at: at.toISOString(), level, message: `${request.method} ${path}: ${went}`, http };
}

/** Without its query, which may hold what nobody should read. */
function pathOf({ originalUrl }: Request): string {
  return (
    originalUrl
      .replace(/^\/proxy/, '')
      .replace(/[?#].*$/s, '')
      .slice(0, 500) || '/'
  );
}
