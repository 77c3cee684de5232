/** Calls of actions: the run that answers a call, new or found by its idempotency key. */
import { createHash } from 'node:crypto';
import stringify from 'safe-stable-stringify';
import { EngineError } from '../contract/failures.ts';
import { claimKey, type KeyHolder } from '../store/action-keys.ts';
import { allocateActionRun, runIdAt } from '../store/allocation.ts';
import { withTransaction } from '../store/db.ts';
import type { Environment } from '../store/environments.ts';
import { findActionTarget } from '../store/scripts.ts';
import type { ApiDeps } from './deps.ts';
import { type ConnectionAddress, unknownConnections, unknownIntegrations } from './known.ts';

export type ActionCall = {
  readonly address: ConnectionAddress;
  readonly action: string;
  readonly input: unknown;
  readonly retries: number;
  /** Its caller does not wait. */
  readonly detached: boolean;
  readonly idempotencyKey: string | undefined;
};

export type CalledRun = { readonly runId: string; readonly workflowId: string };

/** How long a key answers with its run. */
const KEY_LIFE_MS = 7 * 24 * 3_600_000;

/**
 * The run of a call, written to Postgres and not yet begun. With a key that was used before, the run of that call.
 * @throws EngineError `unknown_…` for what does not exist, `idempotency_key_reused` for the same key with another input.
 */
export async function runOfCall(deps: ApiDeps, environment: Environment, call: ActionCall): Promise<CalledRun> {
  const { address, action } = call;
  const target = await findActionTarget(deps.db, { environmentId: environment.id, ...address, action });
  if (target === undefined) throw unknownIntegrations(environment, [address.providerConfigKey]);
  const { connectionRow, scriptId, bundleHash } = target;
  if (connectionRow === null) throw unknownConnections(address.providerConfigKey, [address.connectionId]);
  if (scriptId === null || bundleHash === null) throw unknownAction(address.providerConfigKey, action);
  const run = {
    environment,
    connection: { id: connectionRow, ...address },
    script: { id: scriptId, name: action, bundleHash },
    input: call.input === undefined ? null : inputText(call.input),
    retries: call.retries,
    detached: call.detached,
  };
  const { idempotencyKey: key } = call;
  if (key === undefined) return allocateActionRun(deps.db, deps, run);
  const at = deps.clock();
  return withTransaction(deps.db, async (db) => {
    const runId = runIdAt(at);
    const claim = { connectionRow, action, key, inputHash: hashOf(call.input), runId, at, lifeMs: KEY_LIFE_MS };
    const holder = await claimKey(db, claim);
    return holder === undefined ? allocateActionRun(db, deps, { ...run, runId }) : sameCall(holder, action, key);
  });
}

function sameCall({ sameInput, ...run }: KeyHolder, action: string, key: string): CalledRun {
  if (sameInput) return run;
  throw new EngineError(
    'idempotency_key_reused',
    `Idempotency-Key '${key}' was used for action '${action}' with another input (run ${run.runId}): use a new key for a new call.`,
  );
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

/** Of the input whatever the order of its keys; runs after `inputText`, which has refused what is nested too deeply. */
function hashOf(input: unknown): Buffer {
  return createHash('sha256')
    .update(stringify(input) ?? '')
    .digest();
}
