import type { RequestHandler } from 'express';

/**
 * Lets pages of any origin call the API: a product's page does under a connect session. Keys and tokens travel in a
 * header that no browser adds by itself, so an origin says nothing; cookies are never accepted across origins.
 */
export const crossOrigin: RequestHandler = (request, response, next) => {
  if (request.headers.origin === undefined) return next();
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
