import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from '@jest/globals';
import { until } from './until.ts';

/** As OTLP writes it (opentelemetry.io/docs/specs/otlp, JSON encoding). */
export type CollectedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
};

export type Collector = {
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** Of its requests. */
  readonly headers: readonly IncomingHttpHeaders[];
  /** Resolves once spans of all these names are there. */
  readonly whole: (names: readonly string[]) => Promise<readonly CollectedSpan[]>;
};

/** A collector of traces: OTLP over HTTP, as JSON. It must be declared before the platform that sends to it. */
export async function openCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer(async (request, response) => {
    headers.push(request.headers);
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const document = JSON.parse(Buffer.concat(parts).toString('utf8'));
    if (request.url === '/v1/traces')
      for (const { scopeSpans } of document.resourceSpans)
        for (const { spans: some } of scopeSpans) spans.push(...some);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    whole: async (names) => {
      await until(`span of each of ${names.join(', ')}`, () =>
        names.every((name) => spans.some((span) => span.name === name)),
      );
      return spans;
    },
  };
}
