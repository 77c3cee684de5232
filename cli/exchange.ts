/** One HTTP exchange with the server, over Node's own client: `fetch` cannot send a GET with a body, as scripts may. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export type ExchangeRequest = {
  readonly method: string;
  /** The text as it goes on the wire after the server's base URL: never decoded, never normalised. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type ExchangeResponse = {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
};

/** Sends one request and reads the whole answer. Rejects with the network's own error. */
export async function exchange(server: string, request: ExchangeRequest): Promise<ExchangeResponse> {
  const base = new URL(server);
  const send = base.protocol === 'https:' ? requestHttps : requestHttp;
  const { promise, resolve, reject } = Promise.withResolvers<ExchangeResponse>();
  const outgoing = send(
    {
      method: request.method,
      hostname: base.hostname.replace(/^\[|\]$/g, ''),
      port: base.port,
      path: `${base.pathname.replace(/\/$/, '')}${request.path}`,
      headers:
        request.body === undefined
          ? request.headers
          : { ...request.headers, 'content-length': Buffer.byteLength(request.body) },
      // Without a pool the process ends as soon as its work does.
      agent: false,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
    (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          statusText: incoming.statusMessage ?? '',
          headers: joined(incoming.headers),
          body: Buffer.concat(chunks),
        }),
      );
    },
  );
  outgoing.on('error', reject);
  outgoing.end(request.body);
  return promise;
}

function joined(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : value,
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
