import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Router } from 'express';
import { z } from 'zod';
import {
  activityMark,
  logMark,
  runsByHour,
  runsInTrouble,
  type ScriptDetails,
  scriptDetails,
  totalsOf,
} from '../../store/dashboard-views.ts';
import { findRun } from '../../store/run-views.ts';
import { type Answer, json, nothing } from '../answer.ts';
import { failureCode } from '../../contract/failures.ts';
import type { CallGuard } from '../call-limits.ts';
import { maskedConnection } from '../connection-view.ts';
import { checkSameOrigin, type DashboardSessions } from '../dashboard-session.ts';
import type { ApiDeps } from '../deps.ts';
import type { ReadJson } from '../json-body.ts';
import { knownConnection, knownIntegration, unknownRun } from '../known.ts';
import { createRoute, type Route } from '../route.ts';
import { knownName, wholeNumber } from '../schemas.ts';
import { callsOfRun } from '../run-calls.ts';
import { runView } from '../run-view.ts';
import { dashboardRecordRoutes } from './dashboard-records.ts';

const HOUR_MS = 3_600_000;
const TROUBLE_SHOWN = 50;
const LOOK_EVERY_MS = 1_000;
/** Proxies cut streams that are silent for long. */
const SIGN_OF_LIFE_EVERY = 15;

const secret = z.string().min(1).max(1_000);
const SIGN_IN = z.union([
  z.strictObject({ secret_key: secret }),
  z.strictObject({ username: secret, password: secret }),
]);

/** What the pages need beyond the public API: signing in, an overview, and news of what changed. */
export function dashboardRoutes(
  deps: ApiDeps,
  sessions: DashboardSessions,
  { route, readJson, guard }: { readonly route: Route; readonly readJson: ReadJson; readonly guard: CallGuard },
): Router {
  const router = Router({ caseSensitive: true });
  sessionRoutes(router, deps, sessions, { readJson, guard });
  router.get(
    '/dashboard/overview',
    route({
      query: z.strictObject({ hours: wholeNumber(1, 24 * 14).default(24) }),
      handle: async ({ environment, query }) => {
        const now = deps.clock().getTime();
        const hour = Math.floor(now / HOUR_MS) * HOUR_MS;
        const since = new Date(hour - (query.hours - 1) * HOUR_MS);
        const week = new Date(now - 7 * 24 * HOUR_MS);
        const [hours, trouble, totals] = await Promise.all([
          runsByHour(deps.db, { environmentId: environment.id, since }),
          runsInTrouble(deps.db, { environmentId: environment.id, since: week, limit: TROUBLE_SHOWN }),
          totalsOf(deps.db, environment.id),
        ]);
        const { queuedSince, brokenConnections, ...rest } = totals;
        return json({
          since: since.toISOString(),
          hours,
          trouble: trouble.map((run) => runView(deps, run)),
          totals: { ...rest, broken_connections: brokenConnections },
          queue_lag_ms: queuedSince === null ? 0 : Math.max(0, now - queuedSince.getTime()),
        });
      },
    }),
  );
  router.get(
    '/dashboard/connections/:id',
    route({
      params: z.object({ id: knownName }),
      query: z.strictObject({ provider_config_key: knownName }),
      handle: async ({ environment, params, query }) => {
        const address = { providerConfigKey: query.provider_config_key, connectionId: params.id };
        return json(maskedConnection(await knownConnection(deps.db, environment, address), deps.box));
      },
    }),
  );
  router.use(dashboardRecordRoutes(deps, route));
  router.get(
    '/dashboard/scripts',
    route({
      query: z.strictObject({ provider_config_key: knownName }),
      handle: async ({ environment, query }) => {
        const { id } = await knownIntegration(deps.db, environment, query.provider_config_key);
        return json({ scripts: (await scriptDetails(deps.db, id)).map(scriptView) });
      },
    }),
  );
  router.get(
    '/dashboard/runs/:id/calls',
    route({
      params: z.object({ id: knownName }),
      handle: async ({ environment, params }) => {
        const run = await findRun(deps.db, environment.id, params.id);
        if (run === undefined) throw unknownRun(params.id);
        return json(await callsOfRun(deps, run.id));
      },
    }),
  );
  router.get(
    '/dashboard/events',
    route({
      handle: async ({ environment, response }) => {
        response.set('x-accel-buffering', 'no');
        return events(Readable.from(changes(deps, environment.id)));
      },
    }),
  );
  return router;
}

function scriptView(script: ScriptDetails) {
  return {
    id: Number(script.id),
    type: script.kind,
    name: script.name,
    version: script.version,
    description: script.description,
    models: script.models,
    runs: script.runs,
    sync_type: script.syncType,
    track_deletes: script.trackDeletes,
    auto_start: script.autoStart,
    input: script.inputModel,
    json_schema: script.jsonSchema,
    source: script.source,
    last_deployed: script.deployedAt.toISOString(),
  };
}

function sessionRoutes(
  router: Router,
  deps: ApiDeps,
  sessions: DashboardSessions,
  { readJson, guard }: { readonly readJson: ReadJson; readonly guard: CallGuard },
): void {
  const pageRoute = createRoute({
    security: 'session',
    readJson,
    authenticate: async (request) => {
      checkSameOrigin(request);
      return { open: await sessions.environmentsOf(request) };
    },
  });
  const viewOf = (open: readonly { readonly name: string }[]) => ({
    environments: open.map(({ name }) => name),
    password_sign_in: deps.dashboard?.operator !== undefined,
    version: deps.version,
    ...(open.length > 0 && {
      server_url: deps.publicUrl(),
      callback_url: deps.callbackUrl(),
      temporal_ui: deps.temporalUi ?? null,
    }),
  });
  router.get('/dashboard/session', pageRoute({ handle: async ({ open }) => json(viewOf(open)) }));
  router.post(
    '/dashboard/session',
    pageRoute({
      body: SIGN_IN,
      handle: async ({ body, response }) => {
        const { ip } = response.req;
        await guard.beforeLookup(ip, 'secret_key' in body ? body.secret_key.trim() : undefined);
        const signIn = async () =>
          'secret_key' in body
            ? sessions.byKey(body.secret_key.trim())
            : sessions.byPassword(body.username, body.password);
        const cookie = await signIn().catch(async (error) => {
          if (failureCode(error) === 'unknown_account') await guard.noteUnknown(ip);
          throw error;
        });
        response.set('set-cookie', cookie);
        return nothing;
      },
    }),
  );
  router.delete(
    '/dashboard/session',
    pageRoute({
      handle: async ({ response }) => {
        response.set('set-cookie', sessions.end());
        return nothing;
      },
    }),
  );
}

function events(body: Readable): Answer {
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' };
  return { kind: 'stream', status: 200, headers, body };
}

/**
 * `change` whenever runs or syncs of the environment have changed; `logs` for what concerns the list of operations alone,
 * since a busy proxy adds some every second. Ends when the server closes.
 */
async function* changes({ db, dashboard }: ApiDeps, environmentId: string): AsyncGenerator<string, void> {
  let seen = { activity: '', logs: '' };
  for (let looks = 0; dashboard?.isOpen() ?? false; looks += 1) {
    const mark = { activity: await activityMark(db, environmentId), logs: await logMark(db, environmentId) };
    if (mark.activity !== seen.activity) yield `event: change\ndata: ${looks}\n\n`;
    else if (mark.logs !== seen.logs) yield `event: logs\ndata: ${looks}\n\n`;
    else if (looks % SIGN_OF_LIFE_EVERY === 0) yield ': still here\n\n';
    seen = mark;
    await delay(LOOK_EVERY_MS);
  }
}
