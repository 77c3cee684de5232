import type { IncomingHttpHeaders } from 'node:http';
import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import type { StreamCall } from '../../outbound/wire-request.ts';
import { type Connection, openConnection } from '../../store/connections.ts';
import type { Answer } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { knownConnection } from '../known.ts';
import { type LimitWait, openLimitWait } from '../limit-wait.ts';
import { recordProxyCall } from '../proxy-record.ts';
import type { Route } from '../route.ts';
import { commaList, connectionHeaders, flag, wholeNumber } from '../schemas.ts';

const PREFIX = '/proxy';
/** A client that takes this server for a proxy of HTTP writes the whole address (RFC 9112 section 3.2.2). */
const ORIGIN = /^https?:\/\/[^/?#]*/i;
const FORWARDED = 'nango-proxy-';
/** What describes the body goes with it; every other header must ask for it by the prefix. */
const BODY_HEADERS = ['content-type', 'content-encoding'] as const;

// A client that has nothing to say may send these empty.
const orEmpty = <T extends z.ZodType>(schema: T) =>
  z.union([z.literal('').transform(() => undefined), schema]).optional();
const HEADERS = connectionHeaders.extend({
  retries: orEmpty(wholeNumber(0, 100)),
  'retry-on': orEmpty(commaList.pipe(z.array(wholeNumber(100, 599)))),
  'base-url-override': orEmpty(z.string().max(2_000)),
  decompress: orEmpty(flag),
  'forward-headers-on-redirect': orEmpty(flag),
});

/** `ALL /proxy/*`: the upstream's own API with the connection's credentials; bytes pass unchanged both ways. */
export function proxyRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  const limitWait = openLimitWait(deps);
  // `use` and not a wildcard: a path pattern would decode the path, and the upstream must get it as it came.
  router.use(
    PREFIX,
    route({
      query: 'raw',
      headers: HEADERS,
      handle: async ({ environment, headers, request, response }) => {
        const address = { providerConfigKey: headers['provider-config-key'], connectionId: headers['connection-id'] };
        const record = recordProxyCall(deps, { environment, address, request, response });
        return record.whatFails(async () => {
          const connection = await knownConnection(deps.db, environment, address);
          const call = { ...callOf(request, headers), watch: record.exchange };
          const signal = abortedWith(response);
          return pass(deps, connection, call, { limitWait, signal, onBroken: record.broken });
        });
      },
    }),
  );
  return router;
}

async function pass(
  deps: ApiDeps,
  connection: Connection,
  call: StreamCall,
  { limitWait, signal, onBroken }: { limitWait: LimitWait; signal: AbortSignal; onBroken: () => void },
): Promise<Answer> {
  const scope = deps.catalogue.get(connection.provider).proxy?.retry?.scope ?? 'connection';
  // Who wants no retries wants an answer now, whatever it is.
  const turns = limitWait.turnsOf({ connection: connection.id, scope, signal, waits: call.retries !== 0 });
  const { head, body } = await deps.outbound.stream(openConnection(connection, deps.box), { ...call, turns }, signal);
  body.once('error', onBroken);
  // A cookie of the upstream is no cookie of this server.
  const { 'set-cookie': _, ...headers } = head.headers;
  return { kind: 'stream', status: head.status, statusText: head.statusText, headers, body };
}

function callOf(request: Request, headers: z.output<typeof HEADERS>): StreamCall {
  const { retries, 'retry-on': retryOn, 'base-url-override': baseUrlOverride, decompress } = headers;
  const forwardHeadersOnRedirect = headers['forward-headers-on-redirect'];
  return {
    method: request.method,
    path: request.originalUrl.replace(ORIGIN, '').slice(PREFIX.length),
    headers: forwardedHeaders(request.headers),
    body: hasBody(request) ? request : undefined,
    length: lengthOf(request),
    ...(retries !== undefined && { retries }),
    ...(retryOn !== undefined && { retryOn }),
    ...(baseUrlOverride !== undefined && { baseUrlOverride }),
    ...(decompress !== undefined && { decompress }),
    ...(forwardHeadersOnRedirect !== undefined && { forwardHeadersOnRedirect }),
  };
}

function hasBody(request: Request): boolean {
  return request.headers['transfer-encoding'] !== undefined || (lengthOf(request) ?? 0) > 0;
}

/** As Node has counted the body by it; what is to be forwarded says nothing about this. */
function lengthOf({ headers }: Request): number | undefined {
  return headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
}

function forwardedHeaders(received: IncomingHttpHeaders): Record<string, string> {
  const forwarded: Record<string, string> = {};
  for (const name of BODY_HEADERS) if (received[name] !== undefined) forwarded[name] = received[name];
  for (const [name, value] of Object.entries(received)) {
    if (name.startsWith(FORWARDED) && value !== undefined)
      forwarded[name.slice(FORWARDED.length)] = [value].flat().join(', ');
  }
  return forwarded;
}

/** Aborts when the client goes away before its answer is complete. */
function abortedWith(response: Response): AbortSignal {
  const controller = new AbortController();
  const look = (): void => {
    if (!response.writableFinished) controller.abort();
  };
  if (response.closed) look();
  else response.once('close', look);
  return controller.signal;
}
