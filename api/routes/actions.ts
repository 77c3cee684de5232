import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { allocateActionRun } from '../../store/allocation.ts';
import type { Environment } from '../../store/environments.ts';
import { actionResult, endRun } from '../../store/runs.ts';
import { findActionTarget } from '../../store/scripts.ts';
import { type Answer, jsonText } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { type ConnectionAddress, unknownConnections, unknownIntegrations } from '../known.ts';
import type { Route } from '../route.ts';
import { connectionHeaders, knownName } from '../schemas.ts';

const BODY = z.strictObject({ action_name: knownName, input: z.unknown().optional() });
const HEADERS = connectionHeaders.extend({
  // Said plainly instead of running such a call at once: its caller would wait for an id that never comes.
  'x-async': z.literal('false', { error: 'asynchronous actions are not supported yet' }).optional(),
});

export function actionRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.post(
    '/action/trigger',
    route({
      headers: HEADERS,
      body: BODY,
      handle: async ({ environment, headers, body }) => {
        const address = { providerConfigKey: headers['provider-config-key'], connectionId: headers['connection-id'] };
        const input = body.input === undefined ? null : inputText(body.input);
        const run = await allocate(deps, environment, address, body.action_name, input);
        await deps.engine.runAction(run).catch((error: unknown) => giveUp(deps, run.runId, error));
        return answerRun(deps, run.runId, body.action_name);
      },
    }),
  );
  return router;
}

async function allocate(
  deps: ApiDeps,
  environment: Environment,
  address: ConnectionAddress,
  action: string,
  input: string | null,
): Promise<{ readonly runId: string; readonly workflowId: string }> {
  const target = await findActionTarget(deps.db, { environmentId: environment.id, ...address, action });
  if (target === undefined) throw unknownIntegrations(environment, [address.providerConfigKey]);
  const { connectionRow, scriptId, bundleHash } = target;
  if (connectionRow === null) throw unknownConnections(address.providerConfigKey, [address.connectionId]);
  if (scriptId === null || bundleHash === null) throw unknownAction(address.providerConfigKey, action);
  return allocateActionRun(deps.db, deps, {
    environment,
    connection: { id: connectionRow, ...address },
    script: { id: scriptId, name: action, bundleHash },
    input,
  });
}

/**
 * Whoever hears that Temporal was out of reach may call again: an action that has not begun must not run later then.
 * Fence 0 is that of a run no attempt has begun; one that has begun goes on and keeps its own outcome.
 */
async function giveUp(deps: ApiDeps, runId: string, error: unknown): Promise<never> {
  const message = 'Temporal was out of reach before the action began';
  await endRun(deps.db, {
    runId,
    fence: 0,
    state: 'failed',
    failure: { code: 'engine_unavailable', message },
    output: null,
    at: deps.clock(),
  });
  throw error;
}

async function answerRun(deps: ApiDeps, runId: string, action: string): Promise<Answer> {
  const { state, output, error } = await actionResult(deps.db, runId);
  if (state === 'success') return jsonText(output ?? 'null');
  if (error !== null) {
    const { code, message, ...details } = error;
    throw new EngineError(code, message, { details });
  }
  if (state === 'cancelled')
    throw new EngineError('script_aborted', `Action '${action}' was cancelled (run ${runId}).`);
  throw new EngineError('runner_lost', `Action '${action}' ended without an outcome: GET /runs/${runId} has its log.`);
}

function unknownAction(integration: string, action: string): EngineError {
  return new EngineError(
    'unknown_action',
    `Unknown action '${action}' of integration '${integration}': is it deployed to this environment?`,
  );
}

// The parser's stack is deeper than the serialiser's: what came in need not go out again.
function inputText(input: unknown): string {
  try {
    return JSON.stringify(input);
  } catch (cause) {
    throw new EngineError('invalid_body', "The request's body is not valid: 'input': nested too deeply.", { cause });
  }
}
