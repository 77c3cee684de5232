import type { Request, RequestHandler } from 'express';
import { type EngineError, FAILURES, failureCode } from '../contract/failures.ts';
import { type Answer, page } from './answer.ts';

/**
 * Makes a handler for a page in a person's browser answer failures as a page as well, with the status they have in JSON.
 * A client that does not ask for HTML gets the JSON.
 */
export function inBrowser(
  handler: RequestHandler,
  sendPage: (answer: Answer, call: Parameters<RequestHandler>) => void,
): RequestHandler {
  return async (request, response, next) => {
    try {
      await handler(request, response, next);
    } catch (error) {
      const code = failureCode(error);
      if (code === undefined || code === 'internal' || !wantsPage(request)) throw error;
      const { message } = error as EngineError;
      sendPage(page(FAILURES[code].status, { title: 'The connection was not made', message, code }), [
        request,
        response,
        next,
      ]);
    }
  };
}

/** Whether the client is a browser that shows what it gets. */
export function wantsPage(request: Request): boolean {
  return request.accepts(['json', 'html']) === 'html';
}
