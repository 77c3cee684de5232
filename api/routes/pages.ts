import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import express, { type Request, type Response, Router } from 'express';
import type { ApiDeps, DashboardDeps } from '../deps.ts';
import { wantsPage } from '../popup.ts';

/** Stands in the built pages where each answer's own nonce goes. */
const NONCE = '__NONCE__';

/** The dashboard's and the connect page's files, from the folder they were built into. */
export function pageRoutes({ dashboard }: ApiDeps): Router {
  const router = Router({ caseSensitive: true });
  if (dashboard === undefined) return router;
  const assets = join(dashboard.folder, 'assets');
  // Their names change with their content.
  router.use('/assets', express.static(assets, { immutable: true, maxAge: '365d', index: false, redirect: false }));
  for (const [paths, file, framed] of [
    [['/', '/sign-in', '/env/*rest'], 'index.html', false],
    [['/connect', '/connect/'], 'connect.html', true],
  ] as const) {
    router.get([...paths], async (request: Request, response: Response, next) => {
      // The same address answers programs with JSON.
      if (!wantsPage(request)) return next();
      await sendPage(response, dashboard, file, framed);
    });
  }
  return router;
}

async function sendPage(response: Response, { folder }: DashboardDeps, file: string, framed: boolean): Promise<void> {
  const nonce = randomBytes(16).toString('base64');
  const text = await readFile(join(folder, file), 'utf8').catch(() => undefined);
  response
    .status(text === undefined ? 503 : 200)
    .set({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'content-security-policy': policy(nonce, framed),
      ...(!framed && { 'x-frame-options': 'DENY' }),
    })
    .end(text?.replaceAll(NONCE, nonce) ?? BUILDING);
}

/** Nothing but our own files, and styles that carry this answer's nonce. The connect page may stand in anybody's frame. */
function policy(nonce: string, framed: boolean): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${framed ? '*' : "'none'"}`,
  ].join('; ');
}

const BUILDING = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Being built</title>
<h1>The pages are being built</h1>
<p>This takes a few seconds after an installation; the page loads again by itself. If it stays so, run
<code>npm run dashboard</code> and read what it says.</p></html>
`;
