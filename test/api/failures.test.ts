import { UNTRACED } from '../../contract/tracing.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { createApp, DEFAULT_LIMITS } from '../../api/app.ts';
import { loadProviders } from '../../outbound/catalogue.ts';
import { createAuthorizer } from '../../outbound/auth/authorizer.ts';
import { openPopups } from '../../api/popups.ts';
import { createOutbound } from '../../outbound/request.ts';
import { openDatabase } from '../../store/db.ts';
import { createCredentialVault } from '../../store/credentials.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import { createRecordingEngine } from '../support/engine.ts';
import { freePort } from '../../platform/ports.ts';

test('without Postgres the API is alive, not ready, and says what is out of reach', async () => {
  const db = openDatabase(`postgres://u:s3cret@127.0.0.1:${await freePort()}/x`, { max: 1, onLost: () => {} });
  const catalogue = loadProviders();
  const clock = () => new Date(0);
  const outbound = createOutbound({ catalogue, allow: [], clock, maxResponseBytes: 1 });
  const box = createSecretBox(randomBytes(32).toString('base64'));
  const vault = createCredentialVault({ db, holds: db, box });
  const authorizer = createAuthorizer({ vault, catalogue, allow: [], clock, log: () => {} });
  const engine = createRecordingEngine();
  const popups = openPopups(db, () => {});
  const app = createApp({
    db,
    box,
    engine,
    popups,
    outbound,
    authorizer,
    catalogue,
    clock,
    log: () => {},
    operations: { add: () => {} },
    version: '1',
    limits: DEFAULT_LIMITS,
    publicUrl: () => 'http://localhost',
    callbackUrl: () => 'http://localhost/oauth/callback',
    strictState: false,
    metrics: createMetrics(),
    tracing: UNTRACED,
    servesMetrics: true,
    journals: { keep: 'failed', days: 7 },
    scriptLimits: { memoryMb: 256, cpuMs: 30_000 },
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answers = await Promise.all(
    ['/health', '/ready', '/integrations'].map(async (path) => {
      const response = await fetch(url + path, { headers: { authorization: 'Bearer x' } });
      return { status: response.status, text: await response.text() };
    }),
  );
  server.closeAllConnections();
  server.close();
  outbound.close();
  await popups.close();
  await db.end();
  expect(answers.map(({ status }) => status)).toEqual([200, 503, 503]);
  expect(answers[1]?.text).toContain('"store":"out of reach');
  expect(answers[2]?.text).toContain('store_unavailable');
  expect(answers.map(({ text }) => text).join()).not.toContain('s3cret');
});
