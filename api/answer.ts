import { Readable } from 'node:stream';
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
  | { readonly kind: 'page'; readonly status: number; readonly html: string }
  | { readonly kind: 'redirect'; readonly to: URL; readonly cookie?: string }
  | { readonly kind: 'nothing' }
  /** Somebody else has written to the response. */
  | { readonly kind: 'sent' };

/** Nothing of the popup is kept, framed, or told to whom it leads. */
const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
} as const;
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

/** One JSON text a line, as they come. */
export function lines(texts: AsyncIterable<string>): Answer {
  const headers = { 'content-type': 'application/x-ndjson; charset=utf-8' };
  return { kind: 'stream', status: 200, headers, body: Readable.from(texts) };
}

export const nothing: Answer = { kind: 'nothing' };

export function redirect(to: URL, cookie?: string): Answer {
  return { kind: 'redirect', to, ...(cookie !== undefined && { cookie }) };
}

/**
 * A page for a person in a popup: one sentence, and a window that closes itself after a success. The page that opened it
 * hears how it ended, if it is one of this server's own; `sent` goes along.
 */
export function page(
  status: number,
  said: { title: string; message: string; code?: string; sent?: { providerConfigKey: string; connectionId: string } },
): Answer {
  const { title, message, code, sent } = said;
  const told = { message, ...(code !== undefined && { code }), ...sent };
  const data = Object.entries(told).map(([name, value]) => ` data-${kebab(name)}="${escapeHtml(value)}"`);
  const close = status < 400 ? 'window.close()' : '';
  const tell = "window.opener?.postMessage({ type: 'nango_sign_in', ...document.body.dataset }, location.origin);";
  const html = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<body style="font:16px/1.5 system-ui;max-width:36rem;margin:4rem auto;padding:0 1rem"${data.join('')}>
<h1 style="font-size:1.25rem">${escapeHtml(title)}</h1><p>${escapeHtml(message)}</p><script>${tell}${close}</script></body></html>
`;
  return { kind: 'page', status, html };
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Sends the answer; resolves when it is sent or the client has gone. A stream that fails breaks the connection. */
export async function send(response: Response, answer: Answer): Promise<void> {
  switch (answer.kind) {
    case 'sent':
      return;
    case 'nothing':
      response.status(204).end();
      return;
    case 'text':
      response.status(answer.status).set('content-type', JSON_TYPE).end(answer.text);
      return;
    case 'json':
      response.status(answer.status).set('content-type', JSON_TYPE).end(JSON.stringify(answer.value));
      return;
    case 'page':
      response.status(answer.status).set(PAGE_HEADERS).end(answer.html);
      return;
    case 'redirect':
      if (answer.cookie !== undefined) response.set('set-cookie', answer.cookie);
      response
        .status(302)
        .set({ location: answer.to.href, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
      response.end();
      return;
    case 'stream':
      response.writeHead(answer.status, answer.statusText, answer.headers);
      await pipeline(answer.body, response);
      return;
    default:
      answer satisfies never;
  }
}
