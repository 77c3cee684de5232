/** The REST API of one process, with the pages it serves. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from '../api/app.ts';
import { DEFAULT_LIMITS } from '../api/deps.ts';
import { openPopups } from '../api/popups.ts';
import type { Closing } from '../runtime/closing.ts';
import type { Settings } from '../runtime/env.ts';
import { type Core, type EngineOptions, VERSION } from './core.ts';
import { DASHBOARD_FOLDER } from './dashboard-build.ts';

/** Starts it, and answers where it is to be reached. */
export async function startApi({ settings, parts, log, closing }: EngineOptions, core: Core): Promise<string> {
  const { db, box, engine, outbound, authorizer, catalogue, clock, operations, metrics, tracing, journals } = core;
  const { publicUrl } = core;
  const popups = openPopups(db, log, { trustedProxies: settings.NANGO_TRUSTED_PROXIES });
  closing.add('the lines to popups', popups.close);
  const server = createServer();
  const { DASHBOARD_USERNAME: username, DASHBOARD_PASSWORD: password } = settings;
  const app = createApp({
    ...{ db, box, engine, popups, outbound, authorizer, catalogue, clock, log, operations, version: VERSION },
    ...{ metrics, tracing, journals },
    limits: {
      ...DEFAULT_LIMITS,
      failuresPerMinute: settings.NANGO_API_UNKNOWN_KEYS_PER_MINUTE,
      callsPerMinute: settings.NANGO_API_CALLS_PER_MINUTE,
      trustedProxies: settings.NANGO_TRUSTED_PROXIES,
    },
    servesMetrics: core.instruments.onApiPort,
    scriptLimits: core.limits,
    temporalUi: parts.uiUrl ?? null,
    publicUrl: publicUrl.get,
    callbackUrl: () => settings.NANGO_CALLBACK_URL ?? new URL('/oauth/callback', publicUrl.get()).href,
    strictState: settings.NANGO_STRICT_STATE,
    dashboard: {
      folder: DASHBOARD_FOLDER,
      operator: username !== undefined && password !== undefined ? { username, password } : undefined,
      isOpen: () => server.listening,
    },
  });
  popups.attach(server);
  server.on('request', app);
  const port = await listen(server, settings, closing);
  closing.add('the pages that wait for popups', popups.hangUp);
  return publicUrl.listening(port);
}

const DRAIN_WITHIN_MS = 10_000;

/** Answers with the port. */
async function listen(server: Server, settings: Settings, closing: Closing): Promise<number> {
  server.listen(settings.SERVER_PORT, settings.SERVER_HOST);
  await once(server, 'listening');
  closing.add('the API', () => drain(server));
  return (server.address() as AddressInfo).port;
}

/** Takes no new calls and lets those under way finish, for a while. */
async function drain(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A connection whose call ends only now would be kept alive for seconds.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const forced = setTimeout(() => server.closeAllConnections(), DRAIN_WITHIN_MS);
  await closed.finally(() => {
    clearInterval(sweep);
    clearTimeout(forced);
  });
}
