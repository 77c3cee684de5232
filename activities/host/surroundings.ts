import type { Host, IntegrationView } from '../../contract/host.ts';
import { EngineError } from '../../contract/failures.ts';
import type { Redactor } from '../../contract/redaction.ts';
import type { LargeBodies } from '../../outbound/large-bodies.ts';
import type { Connection } from '../../store/connections.ts';
import { listVariables } from '../../store/environment-variables.ts';
import { webhookUrlOf } from '../../store/inbound-webhooks.ts';
import { findIntegration, integrationCredentials } from '../../store/integrations.ts';
import type { Attempt } from '../../store/runs.ts';
import { acquireLock, releaseLocks } from '../../store/script-locks.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Recorder } from '../recorder.ts';
import { untilStored } from '../store-retry.ts';

type Calls = Pick<
  Host,
  'getIntegration' | 'getEnvironmentVariables' | 'acquireLock' | 'releaseLock' | 'uncontrolledFetch'
>;

/** What lies around a script besides its connection: its integration, variables, locks, and the open internet. */
export function createSurroundingCalls(
  deps: Dependencies,
  run: Attempt,
  own: Connection,
  pass: {
    readonly recorder: Recorder;
    readonly redactor: Pick<Redactor, 'redact'>;
    readonly signal: AbortSignal;
    readonly large: LargeBodies;
  },
): Calls {
  const { recorder, redactor, signal, large } = pass;
  const { environmentId } = own;
  return {
    getIntegration: async ({ include }) => {
      return { value: await untilStored(() => integrationView(deps, own, include), signal) };
    },
    getEnvironmentVariables: async () => {
      const variables = await untilStored(() => listVariables(deps.db, environmentId), signal);
      return { value: variables.map(({ name, sealedValue }) => ({ name, value: deps.box.open(sealedValue) })) };
    },
    acquireLock: async ({ key, ttlMs }) => {
      const lock = { environmentId, key, runId: run.runId, fence: run.fence, ttlMs };
      return { value: await untilStored(() => acquireLock(deps.db, { ...lock, at: deps.clock() }), signal) };
    },
    releaseLock: async ({ key }) => {
      let wasHeld = false;
      // With all that was done under it: whoever takes it next must find that stored.
      await recorder.flush(async (db) => {
        wasHeld = await releaseLocks(db, { runId: run.runId, key });
      });
      return { value: wasHeld };
    },
    uncontrolledFetch: async ({ url, method, headers }, call) => {
      const what = redactor.redact(`${method} ${url.split('?')[0]}`);
      const repeatable = method === 'GET' || method === 'HEAD';
      if (call.pending !== undefined && !repeatable) {
        const story = 'the process died after it was sent and before its answer was kept';
        throw new EngineError('call_in_doubt', `${what} may have happened: ${story}. Check there before the next run.`);
      }
      const { number, argsHash } = call;
      const pending = {
        number,
        argsHash,
        attempt: 0,
        state: 'intended' as const,
        resumeAt: null,
        what,
        harmless: repeatable,
      };
      if (!repeatable) await recorder.intend(pending);
      recorder.countRequest();
      const answer = await deps.outbound.raw({ url, method, headers, body: call.body }, { signal: call.signal, large });
      if (!repeatable) recorder.answered(number);
      return { value: answer.head, body: answer.body };
    },
  };
}

async function integrationView(
  deps: Dependencies,
  own: Connection,
  include: readonly string[],
): Promise<IntegrationView> {
  const { environmentId, providerConfigKey } = own;
  const found = await findIntegration(deps.db, environmentId, providerConfigKey);
  if (found === undefined)
    throw new EngineError('unknown_provider_config', `getIntegration: no integration '${providerConfigKey}' any more`);
  const withCredentials = include.includes('credentials');
  const sealed = withCredentials ? await integrationCredentials(deps.db, found.id) : null;
  return {
    unique_key: found.uniqueKey,
    provider: found.provider,
    display_name: found.displayName ?? found.uniqueKey,
    created_at: found.createdAt.toISOString(),
    updated_at: found.updatedAt.toISOString(),
    ...(withCredentials && { credentials: sealed === null ? null : JSON.parse(deps.box.open(sealed)) }),
    ...(include.includes('webhook') && {
      webhook_url: await webhookUrlOf(deps.db, { publicUrl: deps.publicUrl(), environmentId, providerConfigKey }),
    }),
  };
}
