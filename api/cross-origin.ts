import type { RequestHandler } from 'express';

/** What a product's page calls: with a connect session's token, and no cookie beside it. */
const OPEN = /^\/(api-auth|app-auth|auth|oauth|oauth2\/auth|connect\/session|connect\/integrations)(\/|$)/;

/**
 * Lets pages of any origin make the calls of a connect session. Tokens travel in a header that no browser adds by itself,
 * so an origin says nothing; cookies are never accepted across origins.
 */
export const crossOrigin: RequestHandler = (request, response, next) => {
  if (request.headers.origin === undefined || !OPEN.test(request.path)) return next();
  response.set('access-control-allow-origin', '*');
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return next();
  response
    .status(204)
    .set({
      'access-control-allow-methods': 'GET,POST,PUT,PATCH,DELETE',
      'access-control-allow-headers': request.headers['access-control-request-headers'] ?? '*',
      'access-control-max-age': '7200',
    })
    .end();
};
