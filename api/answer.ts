import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/** What a route answers: a value, JSON text that is ready, a stream, or nothing. */
export type Answer =
  | { readonly kind: 'json'; readonly status: number; readonly value: unknown }
  | { readonly kind: 'text'; readonly status: number; readonly text: string }
  | {
      readonly kind: 'stream';
      readonly status: number;
      readonly statusText?: string;
      readonly headers: Readonly<Record<string, string | string[]>>;
      readonly body: Readable;
    }
  | { readonly kind: 'nothing' };

const JSON_TYPE = 'application/json; charset=utf-8';

export function json(value: unknown, status = 200): Answer {
  return { kind: 'json', status, value };
}

/** JSON that somebody else wrote and nobody here parses. */
export function jsonText(text: string): Answer {
  return { kind: 'text', status: 200, text };
}

export function jsonStream(body: Readable): Answer {
  return { kind: 'stream', status: 200, headers: { 'content-type': JSON_TYPE }, body };
}

export const nothing: Answer = { kind: 'nothing' };

/** Sends the answer; resolves when it is sent or the client has gone. A stream that fails breaks the connection. */
export async function send(response: Response, answer: Answer): Promise<void> {
  switch (answer.kind) {
    case 'nothing':
      response.status(204).end();
      return;
    case 'text':
      response.status(answer.status).set('content-type', JSON_TYPE).end(answer.text);
      return;
    case 'json':
      response.status(answer.status).set('content-type', JSON_TYPE).end(JSON.stringify(answer.value));
      return;
    case 'stream':
      response.writeHead(answer.status, answer.statusText, answer.headers);
      await pipeline(answer.body, response);
      return;
    default:
      answer satisfies never;
  }
}
