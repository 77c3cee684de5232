import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { ApplicationFailure } from '@temporalio/common';
import { EngineError, FAILURES, failureCode } from '../contract/failures.ts';

/**
 * The edge where failures leave for Temporal: an `EngineError` becomes a failure whose type is its code, retried as the
 * table says. Anything else is `internal` and retried: only faults of our own parts are ever thrown by activities.
 * None takes a stack along: it names files of this machine, and histories are shown to many and kept for long.
 */
export function failureInterceptor(): ActivityInboundCallsInterceptor {
  return {
    async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
      try {
        return await next(input);
      } catch (error) {
        throw withoutStack(toApplicationFailure(error));
      }
    },
  };
}

const LONGEST_MESSAGE = 2_000;

function toApplicationFailure(error: unknown): unknown {
  const code = failureCode(error);
  if (code === undefined) {
    // The SDK's own failures (cancellation among them) mean what they say.
    return error instanceof Error && error.name.endsWith('Failure') ? error : retryable('internal', error);
  }
  return FAILURES[code].retry || code === 'internal' ? retryable(code, error) : final(code, error);
}

function retryable(type: string, error: unknown): ApplicationFailure {
  return ApplicationFailure.create({ type, message: messageOf(error), nonRetryable: false });
}

function final(type: string, error: unknown): ApplicationFailure {
  return ApplicationFailure.create({ type, message: messageOf(error), nonRetryable: true });
}

function withoutStack(failure: unknown): unknown {
  if (failure instanceof Error) failure.stack = '';
  return failure;
}

// Causes stay out: they may carry statements and headers, and histories are kept for long.
function messageOf(error: unknown): string {
  if (error instanceof EngineError) return error.message.slice(0, LONGEST_MESSAGE);
  return error instanceof Error ? `${error.name}: ${error.message}`.slice(0, LONGEST_MESSAGE) : 'Unknown failure';
}
