import type { RequestHandler } from 'express';

/** What a browser may send from any product's page: calls that bring a connect session's token, and no cookie with them. */
const OPEN = /^\/(api-auth|oauth2\/auth|auth|connect\/session|connect\/integrations)(\/|$)/;

/** Lets pages of other origins make the calls of a connect session. Cookies never go along, so a dashboard's session is no use. */
export const crossOrigin: RequestHandler = (request, response, next) => {
  if (!OPEN.test(request.path)) return next();
  response.set('access-control-allow-origin', '*');
  if (request.method !== 'OPTIONS') return next();
  response
    .set({
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': 'authorization, content-type',
      'access-control-max-age': '600',
    })
    .status(204)
    .end();
};
