import { Router } from 'express';
import { z } from 'zod';
import type { RunState } from '../../contract/sync.ts';
import { connectionRowsOf } from '../../store/connections.ts';
import type { Environment } from '../../store/environments.ts';
import { heldByRuns } from '../../store/held-deletions.ts';
import { logLines } from '../../store/run-logs.ts';
import { countsOfRuns, findRun, listRuns } from '../../store/run-views.ts';
import { violationsOf } from '../../store/run-violations.ts';
import { json, lines } from '../answer.ts';
import { cancelRun } from '../cancel-run.ts';
import { place, placeCursor } from '../cursor.ts';
import type { ApiDeps } from '../deps.ts';
import { openJournal } from '../journal-document.ts';
import { knownConnection, knownIntegration, unknownRun } from '../known.ts';
import type { Route } from '../route.ts';
import { runView } from '../run-view.ts';
import { commaList, knownName, wholeNumber } from '../schemas.ts';

const RUN_STATES = [
  'queued',
  'running',
  'waiting',
  'success',
  'failed',
  'cancelled',
  'skipped',
] as const satisfies readonly RunState[];
const LIST = z.strictObject({
  provider_config_key: knownName.optional(),
  connection_id: knownName.optional(),
  name: knownName.optional(),
  /** One state, or several with commas. */
  state: commaList.pipe(z.array(z.enum(RUN_STATES)).min(1)).optional(),
  cursor: place.optional(),
  limit: wholeNumber(1, 1_000).default(50),
});
const ONE = z.strictObject({
  /** Log lines after this number, which is that of a line, or 0. */
  after: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(0),
  limit: wholeNumber(1, 10_000).default(1_000),
});

export function runRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/runs',
    route({
      query: LIST,
      handle: async ({ environment, query }) => {
        const whose = await whoseRuns(deps, environment, query);
        const runs = await listRuns(deps.db, {
          environmentId: environment.id,
          ...whose,
          name: query.name ?? null,
          states: query.state ?? null,
          before: query.cursor ?? null,
          limit: query.limit,
        });
        const counts = await countsOfRuns(
          deps.db,
          runs.map((run) => run.id),
        );
        const last = runs.length < query.limit ? undefined : runs.at(-1);
        return json({
          runs: runs.map((run) => ({ ...runView(deps, run), counts: counts.get(run.id) ?? {} })),
          next_cursor: placeCursor(last === undefined ? null : { at: last.createdAt, id: last.id }),
        });
      },
    }),
  );
  router.get(
    '/runs/:id',
    route({
      params: z.object({ id: knownName }),
      query: ONE,
      handle: async ({ environment, params, query }) => {
        const run = await findRun(deps.db, environment.id, params.id);
        if (run === undefined) throw unknownRun(params.id);
        const counts = await countsOfRuns(deps.db, [run.id]);
        const lines = await logLines(deps.db, { runId: run.id, afterSeq: query.after, limit: query.limit });
        return json({
          ...runView(deps, run),
          counts: counts.get(run.id) ?? {},
          violations: (await violationsOf(deps.db, run.id)).map(({ exampleId, ...one }) => ({
            ...one,
            example_id: exampleId,
          })),
          deletions_held: (await heldByRuns(deps.db, [run.id])).get(run.id) ?? {},
          logs: lines.map((line) => ({ ...line, at: line.at.toISOString() })),
          /** Ask for `after` this number to go on. */
          logs_after: lines.at(-1)?.seq ?? query.after,
        });
      },
    }),
  );
  router.post(
    '/runs/:id/cancel',
    route({
      params: z.object({ id: knownName }),
      handle: async ({ environment, params }) => json(await cancelRun(deps, environment, params.id)),
    }),
  );
  router.get(
    '/runs/:id/journal',
    route({
      params: z.object({ id: knownName }),
      handle: async ({ environment, params }) => {
        const run = await findRun(deps.db, environment.id, params.id);
        if (run === undefined) throw unknownRun(params.id);
        return lines(await openJournal(deps, run, runView(deps, run)));
      },
    }),
  );
  return router;
}

/** The rows that a list is narrowed to. @throws EngineError for an integration, or a connection of it, that is not there */
async function whoseRuns(
  { db }: ApiDeps,
  environment: Environment,
  { provider_config_key: providerConfigKey, connection_id: connectionId }: z.output<typeof LIST>,
): Promise<{ readonly integrationId: string | null; readonly connectionRows: readonly string[] | null }> {
  if (connectionId === undefined) {
    if (providerConfigKey === undefined) return { integrationId: null, connectionRows: null };
    const { id } = await knownIntegration(db, environment, providerConfigKey);
    return { integrationId: id, connectionRows: null };
  }
  if (providerConfigKey !== undefined) {
    const { id } = await knownConnection(db, environment, { providerConfigKey, connectionId });
    return { integrationId: null, connectionRows: [id] };
  }
  const named = { environmentId: environment.id, integrationId: null, connectionId };
  return { integrationId: null, connectionRows: await connectionRowsOf(db, named) };
}
