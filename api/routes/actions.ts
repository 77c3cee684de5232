import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { findRun } from '../../store/run-views.ts';
import { actionOutput, giveUp, runForCaller } from '../action-output.ts';
import { runOfCall } from '../action-calls.ts';
import { json, jsonText } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import type { Route } from '../route.ts';
import { connectionHeaders, knownName } from '../schemas.ts';

const BODY = z.strictObject({ action_name: knownName, input: z.unknown().optional() });
const MAX_RETRIES = 5;
const HEADERS = connectionHeaders.extend({
  'x-async': z.enum(['true', 'false'], { error: "expected 'true' or 'false'" }).optional(),
  'x-max-retries': z
    .string()
    .regex(/^[0-5]$/, `expected a whole number from 0 to ${MAX_RETRIES}`)
    .transform(Number)
    .optional(),
  'idempotency-key': knownName.optional(),
});
const PATH = z.object({ id: knownName });

export function actionRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.post(
    '/action/trigger',
    route({
      headers: HEADERS,
      body: BODY,
      handle: async ({ environment, headers, body }) => {
        const isAsync = headers['x-async'] === 'true';
        const run = await runOfCall(deps, environment, {
          address: { providerConfigKey: headers['provider-config-key'], connectionId: headers['connection-id'] },
          action: body.action_name,
          input: body.input,
          detached: isAsync,
          retries: retriesOf(isAsync, headers['x-max-retries']),
          idempotencyKey: headers['idempotency-key'],
        });
        if (!isAsync) return jsonText(await runForCaller(deps, run, body.action_name));
        await deps.engine.startAction(run).catch((error: unknown) => giveUp(deps, run.runId, error));
        return json({ id: run.runId, statusUrl: `/action/${run.runId}` }, 202);
      },
    }),
  );
  router.get(
    '/action/:id',
    route({
      params: PATH,
      handle: async ({ environment, params }) => {
        const run = await findRun(deps.db, environment.id, params.id);
        if (run?.kind !== 'action') {
          throw new EngineError(
            'unknown_run',
            `Unknown action run '${params.id}' in environment '${environment.name}'.`,
          );
        }
        if (run.finishedAt === null) {
          throw new EngineError('not_found', `Action '${run.name}' has not ended yet (${run.state}): ask again later.`);
        }
        return jsonText(await actionOutput(deps, run.id, run.name));
      },
    }),
  );
  return router;
}

function retriesOf(isAsync: boolean, asked: number | undefined): number {
  if (asked === undefined || asked === 0 || isAsync) return asked ?? 0;
  throw new EngineError(
    'invalid_headers',
    "The request's headers are not valid: 'x-max-retries' needs 'x-async: true': the caller of any other action decides itself whether to try again.",
  );
}
