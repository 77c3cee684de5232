import { createHash } from 'node:crypto';
import { EngineError } from '../../contract/failures.ts';
import type { CallContext, Host, RequestConfig } from '../../contract/host.ts';
import type { PendingCall } from '../../contract/host.ts';
import type { Redactor } from '../../contract/redaction.ts';
import type { OutboundConnection } from '../../outbound/connection.ts';
import type { LargeBodies } from '../../outbound/large-bodies.ts';
import { idempotencyHeader, isRepeatable } from '../../outbound/repeatable.ts';
import type { ScriptAnswer } from '../../outbound/request.ts';
import { limitAfter } from '../../outbound/retry.ts';
import type { LimitScope } from '../../store/api-limits.ts';
import { type Connection, findConnection, openConnection } from '../../store/connections.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import { type LimitedCall, openApiLimits } from '../limits.ts';
import type { Recorder } from '../recorder.ts';
import { untilStored } from '../store-retry.ts';

/** Of a path, what messages show of it. */
const LONGEST_PATH = 200;

/**
 * Calls to upstream APIs with the credentials of the script's connection, or of one it names. Attempts and waits are
 * remembered, so that a suspension grants no retries anew. A call that changes the world is announced before it goes on
 * the wire: if this process dies before its answer is kept, it is in doubt, and repeated only if it asked for retries.
 */
export function createRequestCalls(
  deps: Dependencies,
  run: Attempt,
  own: Connection,
  {
    recorder,
    redactor,
    large,
  }: { readonly recorder: Recorder; readonly redactor: Pick<Redactor, 'redact'>; readonly large: LargeBodies },
): Pick<Host, 'request'> {
  const ownParty = openConnection(own, deps.box);
  const limits = openApiLimits(deps, run);
  return {
    request: async ({ config }, call) => {
      const other = config.connectionId !== undefined || config.providerConfigKey !== undefined;
      const party = other ? await otherParty(deps, own, config, call.signal) : ownParty;
      const plan = planOf(deps, run, config, party, { ...call, redact: redactor.redact });
      let attempt = firstAttempt(config, call, plan.what);
      if (call.pending?.state === 'waiting' && call.pending.resumeAt !== null) {
        await call.wait({ ...call.pending, resumeAt: call.pending.resumeAt }, 'waiting for its next attempt');
      }
      for (; ; attempt += 1) {
        const at = { connection: party.id, scope: plan.limited, isBack: call.pending?.state === 'waiting', ...call };
        const limited: LimitedCall = {
          ...at,
          wait: (resumeAt, why, sooner) => call.wait(plan.pending('waiting', attempt, resumeAt), why, sooner),
        };
        const tried = await limits.inTurn(limited, async () => {
          if (!plan.repeatable) await recorder.intend(plan.pending('intended', attempt, null));
          recorder.countRequest();
          const made = await deps.outbound.attempt(party, plan.config, { signal: call.signal, attempt, large });
          const limit = limitAfter(made, deps.clock(), (askedBy) => reasonOf(plan.what, made, askedBy));
          if (limit !== undefined) await limits.note(limited, limit);
          return { ...made, limit };
        });
        const { decision, limit } = tried;
        if (!decision.retry) return answerOf(tried, recorder, call, plan.repeatable);
        const asked = decision.askedBy === undefined ? undefined : limit?.until.getTime();
        const resumeAt = asked ?? deps.clock().getTime() + decision.waitMs;
        const reason = reasonOf(plan.what, tried, decision.askedBy);
        const wait = () => call.wait(plan.pending('waiting', attempt + 1, resumeAt), reason);
        if (asked === undefined) await wait();
        else await limits.hold(limited, asked, wait);
      }
    },
  };
}

type Tried = Awaited<ReturnType<Dependencies['outbound']['attempt']>>;

type Plan = {
  readonly config: RequestConfig;
  readonly what: string;
  readonly repeatable: boolean;
  /** For whom a limit holds that an answer tells of. */
  readonly limited: LimitScope;
  readonly pending: <At extends number | null>(
    state: PendingCall['state'],
    attempt: number,
    resumeAt: At,
  ) => PendingCall & { readonly resumeAt: At };
};

function planOf(
  deps: Dependencies,
  run: Attempt,
  config: RequestConfig,
  party: OutboundConnection,
  { number, argsHash, redact }: Pick<CallContext, 'number' | 'argsHash'> & Pick<Redactor, 'redact'>,
): Plan {
  const provider = deps.catalogue.get(party.provider);
  const repeatable = isRepeatable(config, provider);
  const header = repeatable ? undefined : idempotencyHeader(config, provider);
  const harmless = repeatable || header !== undefined;
  // Some scripts put a key into a path; what is said of the call stands in rows, logs and histories.
  const path = redact(config.endpoint.split('?')[0] ?? '');
  const what = `${config.method} ${path.length > LONGEST_PATH ? `${path.slice(0, LONGEST_PATH)}…` : path}`;
  return {
    config: header === undefined ? config : withKey(config, header, idempotencyKey(run, number, argsHash)),
    what,
    repeatable,
    limited: provider?.proxy?.retry?.scope ?? 'connection',
    pending: (state, attempt, resumeAt) => ({ number, argsHash, attempt, state, resumeAt, what, harmless }),
  };
}

/** The author's own key stays: it may hold beyond this run. */
function withKey(config: RequestConfig, header: string, key: string): RequestConfig {
  const given = Object.keys(config.headers ?? {}).some((name) => name.toLowerCase() === header.toLowerCase());
  return given ? config : { ...config, headers: { ...config.headers, [header]: key } };
}

/** The same for every attempt of one call of one run, and for nothing else. */
function idempotencyKey(run: Attempt, number: number, argsHash: string): string {
  return createHash('sha256').update(`${run.runId}:${run.generation}:${number}:${argsHash}`).digest('hex').slice(0, 40);
}

function firstAttempt(config: RequestConfig, { pending }: CallContext, what: string): number {
  if (pending === undefined) return 0;
  if (pending.state === 'waiting') return pending.attempt;
  if (pending.harmless || (config.retries ?? 0) > pending.attempt) return pending.attempt + 1;
  throw new EngineError(
    'call_in_doubt',
    `${what} may have happened: the process died after it was sent and before its answer was kept. It is not repeated, since it did not ask for 'retries'. Check there before the next run.`,
  );
}

function answerOf(tried: Tried, recorder: Recorder, { number, pending }: CallContext, repeatable: boolean) {
  if (!repeatable || pending !== undefined) recorder.answered(number);
  if ('failure' in tried) throw tried.failure;
  const { head, body }: ScriptAnswer = tried.answer;
  return { value: head, body };
}

function reasonOf(what: string, tried: Tried, askedBy: string | undefined): string {
  if ('failure' in tried) return `${what} did not get through`;
  const by = askedBy === undefined ? '' : `, ${askedBy} names the time`;
  return `${what} was answered with ${tried.answer.head.status}${by}`;
}

async function otherParty(
  deps: Dependencies,
  own: Connection,
  config: { readonly connectionId?: string; readonly providerConfigKey?: string },
  signal: AbortSignal,
): Promise<OutboundConnection> {
  const connectionId = config.connectionId ?? own.connectionId;
  const providerConfigKey = config.providerConfigKey ?? own.providerConfigKey;
  const names = { environmentId: own.environmentId, providerConfigKey, connectionId };
  const found = await untilStored(() => findConnection(deps.db, names), signal);
  if (found) return openConnection(found, deps.box);
  throw new EngineError(
    'unknown_connection',
    `A call names connection '${connectionId}' of integration '${providerConfigKey}', which does not exist`,
  );
}
