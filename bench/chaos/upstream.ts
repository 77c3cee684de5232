/**
 * Somebody else's API for random scripts. What it answers follows from the path alone; it notes every request by the
 * connection that made it (the connection's API key is its name), and lets the one who strikes look before it answers.
 *
 *   GET  /pages/<id>?slow=<ms>&refuse=<s>&status=<code>   → { rows }; `refuse`: the first time 429 with Retry-After
 *   GET  /pages/<id>?count=1                              → the same, each row with how often the page was asked for
 *   POST /posts/<id>                                      → { made }
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Closing } from '../../runtime/closing.ts';

export type Asked = {
  readonly connection: string;
  readonly method: string;
  readonly path: string;
  /** How many requests of its kind its script may have under way at once. */
  readonly width: number;
  readonly idempotencyKey: string | undefined;
  /** When it came and when it was answered; ms of `performance.now()`. */
  readonly at: number;
  answeredAt: number | undefined;
  status: number | undefined;
};

export type ChaosUpstream = {
  readonly url: string;
  /** Everything that this connection asked for, in order of arrival. */
  readonly askedBy: (connection: string) => readonly Asked[];
  /** Called for each request of the connection before it is answered. */
  readonly watch: (connection: string, look: (asked: Asked) => Promise<void>) => void;
};

export const IDEMPOTENCY_HEADER = 'idempotency-key';

export async function startChaosUpstream(closing: Closing): Promise<ChaosUpstream> {
  const log = new Map<string, Asked[]>();
  const watchers = new Map<string, (asked: Asked) => Promise<void>>();
  const server = http.createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://upstream');
    const connection = (request.headers.authorization ?? '').replace('Bearer ', '');
    const key = request.headers[IDEMPOTENCY_HEADER];
    const mine = log.get(connection) ?? [];
    log.set(connection, mine);
    const asked: Asked = {
      connection,
      method: request.method ?? '',
      path: pathname,
      width: Number(searchParams.get('width') ?? 1),
      idempotencyKey: typeof key === 'string' ? key : undefined,
      at: performance.now(),
      answeredAt: undefined,
      status: undefined,
    };
    const times = mine.filter(({ method, path }) => method === asked.method && path === asked.path).length;
    mine.push(asked);
    request.resume();
    await watchers.get(connection)?.(asked);
    await delay(Number(searchParams.get('slow') ?? 0));
    const refusal = times === 0 ? searchParams.get('refuse') : null;
    asked.status = refusal === null ? Number(searchParams.get('status') ?? 200) : 429;
    asked.answeredAt = performance.now();
    response.writeHead(asked.status, {
      'content-type': 'application/json',
      ...(refusal !== null && { 'retry-after': refusal }),
    });
    const count = searchParams.has('count') ? { asked: times + 1 } : {};
    response.end(JSON.stringify(asked.method === 'POST' ? { made: pathname } : { rows: rowsOf(pathname, count) }));
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.add('the upstream', () => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    askedBy: (connection) => log.get(connection) ?? [],
    watch: (connection, look) => void watchers.set(connection, look),
  };
}

function rowsOf(path: string, count: object): readonly object[] {
  const page = path.slice('/pages/'.length);
  const sum = [...page].reduce((all, letter) => all * 31 + letter.charCodeAt(0), 7) % 97;
  return Array.from({ length: 1 + (sum % 4) }, (_, row) => ({ id: `${page}.${row}`, value: sum * row, ...count }));
}
