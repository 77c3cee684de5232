/** What happened, as `/logs` tells it: each run, call of /proxy, sign-in, refresh and webhook is an operation with messages. */
import type { FailureCode } from './failures.ts';
import type { LogLevel } from './host.ts';

/** Names as in the facts of the dashboard (nango-surface section 11). */
export const OPERATION_TYPES = ['sync', 'action', 'events', 'proxy', 'auth', 'webhook'] as const;
export type OperationType = (typeof OPERATION_TYPES)[number];

/** `skipped`: a run that found nothing to do because another one was at it, which is no success. */
export const OPERATION_STATUSES = [
  'waiting',
  'running',
  'success',
  'failed',
  'timeout',
  'cancelled',
  'skipped',
] as const;
export type OperationStatus = (typeof OPERATION_STATUSES)[number];

/** One exchange over HTTP. Secrets are masked in all of it; bodies are never part of it. */
export type HttpDetails = {
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
  };
  /** Null where no answer came. */
  readonly response: { readonly status: number; readonly headers: Readonly<Record<string, string>> } | null;
  /** Until the answer's head, in milliseconds. */
  readonly duration_ms: number;
};

export type OperationMessage = {
  /** ISO time. */
  readonly at: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly http?: HttpDetails;
};

export type OperationError = { readonly code: string; readonly message: string };

/** An operation that is over and that no other table knows of. Runs and deliveries are read from where they are kept. */
export type NewOperation = {
  readonly environmentId: string;
  readonly type: Extract<OperationType, 'proxy' | 'auth' | 'webhook'>;
  readonly operation: 'call' | 'create_connection' | 'refresh_token' | 'incoming';
  readonly status: Extract<OperationStatus, 'success' | 'failed' | 'cancelled'>;
  readonly providerConfigKey: string | null;
  readonly connectionId: string | null;
  /** One line for lists. */
  readonly summary: string;
  readonly error: { readonly code: FailureCode; readonly message: string } | null;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly messages: readonly OperationMessage[];
};

/** Takes what has happened. It never throws and never makes its caller wait. */
export type OperationSink = { readonly add: (operation: NewOperation) => void };
