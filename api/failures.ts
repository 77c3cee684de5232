import { randomUUID } from 'node:crypto';
import type { ErrorRequestHandler, Response } from 'express';
import { EngineError, FAILURES, failureCode } from '../contract/failures.ts';
import type { Log } from '../runtime/log.ts';
import { isStoreLoss } from '../store/db.ts';

/**
 * The last handler: every failure becomes `{ error: { code, message, … } }` with its status. What is not one of ours is
 * logged under a request id, which is all the caller learns of it.
 */
export function createFailureHandler({ log }: { readonly log: Log }): ErrorRequestHandler {
  return (error, request, response, _next) => {
    // The client has gone, or the answer has begun: nothing can be said any more.
    if (response.headersSent || response.destroyed) {
      if (!isPrematureClose(error)) log('request.broken', { path: request.path, error: textOf(error) });
      response.destroy();
      return;
    }
    const failure = translate(error);
    if (failure !== undefined) {
      answerFailure(response, failure);
      return;
    }
    const requestId = randomUUID();
    log('request.failed', { requestId, method: request.method, path: request.path, error: textOf(error) });
    answerFailure(response, internal(requestId));
  };
}

/** An unknown path or method. */
export function noSuchRoute(method: string, path: string): EngineError {
  return new EngineError('not_found', `There is no route ${method} '${path}': GET / lists where to look.`);
}

/** A failure as callers may know it; undefined for what is nobody's business but ours. */
export function translate(error: unknown): EngineError | undefined {
  if (isStoreLoss(error)) {
    return new EngineError(
      'store_unavailable',
      'Postgres is out of reach or has no room: try again, and check DATABASE_URL and its disk if it stays so.',
    );
  }
  if (isTemporalLoss(error)) {
    return new EngineError(
      'engine_unavailable',
      'Temporal is out of reach: try again, and check TEMPORAL_ADDRESS if it stays so.',
    );
  }
  if (isUndecodablePath(error)) {
    return new EngineError('invalid_uri_params', 'The path holds a malformed percent-encoding: expected %XX of UTF-8.');
  }
  const code = failureCode(error);
  // An `internal` of our own tells of a defect: for the log, not for the caller.
  return code === undefined || code === 'internal' ? undefined : (error as EngineError);
}

function answerFailure(response: Response, failure: EngineError): void {
  const { status, retry } = FAILURES[failure.code];
  const { retryAfterS } = failure.details ?? {};
  if (status === 401) response.set('www-authenticate', 'Bearer');
  if (retryAfterS !== undefined) response.set('retry-after', String(retryAfterS));
  else if (status === 503 && retry) response.set('retry-after', '1');
  response.status(status).json(failureBody(failure));
}

/** What callers read of a failure, as JSON. */
export function failureBody({ code, message, details }: EngineError) {
  const { payload, faults, location, mistakes } = details ?? {};
  return { error: { code, message, payload, errors: faults, location, mistakes } };
}

function internal(requestId: string): EngineError {
  return new EngineError(
    'internal',
    `Something failed on the server: its log has the reason under request id '${requestId}'.`,
  );
}

// gRPC: 4 DEADLINE_EXCEEDED, 14 UNAVAILABLE. The client wraps them, so the chain of causes is walked.
function isTemporalLoss(error: unknown): boolean {
  for (let current = error, depth = 0; typeof current === 'object' && current !== null && depth < 10; depth += 1) {
    if ('code' in current && (current.code === 4 || current.code === 14)) return true;
    current = 'cause' in current ? current.cause : undefined;
  }
  return false;
}

function isUndecodablePath(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 400 && error.name === 'URIError';
}

function isPrematureClose(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
