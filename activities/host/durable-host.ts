/**
 * The Host of a deployed script: what each host call means when its effects must last. One file per group of calls;
 * this one puts them together and ends the attempt when it has lost its place.
 */
import { type EngineError, failureCode } from '../../contract/failures.ts';
import type { Host, HostCallKind } from '../../contract/host.ts';
import type { Connection } from '../../store/connections.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import { createConnectionCalls } from './connections.ts';
import { createRecordCalls } from './records.ts';
import { createRequestCalls } from './requests.ts';
import { createRunLog } from './run-log.ts';

export type DurableHost = {
  readonly host: Host;
  /** Requests made to upstream APIs so far. */
  readonly requests: () => number;
  /** Writes what is still buffered. */
  readonly flush: () => Promise<void>;
  /** Set once the attempt may not go on, whatever the script does about it: `attempt` is then aborted. */
  readonly fault: () => EngineError | undefined;
};

/** @param attempt aborted by the host itself when one of our own parts fails for good or another attempt took over. */
export function createDurableHost(
  deps: Dependencies,
  run: Attempt,
  connection: Connection,
  attempt: AbortController,
): DurableHost {
  let fault: EngineError | undefined;
  const log = createRunLog(deps, run, attempt.signal);
  const requests = createRequestCalls(deps, connection);
  const guard =
    <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      try {
        return await work(...args);
      } catch (error) {
        // An author's try/catch must not swallow a fault of ours: the attempt ends here.
        if (!isOurs(error)) throw error;
        fault ??= error;
        attempt.abort(error);
        throw error;
      }
    };
  const host: Host = {
    request: guard(requests.request),
    ...mapValues(createRecordCalls(deps, run, log.add, attempt.signal), guard),
    ...mapValues(createConnectionCalls(deps, connection, attempt.signal), guard),
    log: guard(log.call),
  };
  return { host, requests: requests.count, flush: log.flush, fault: () => fault };
}

function isOurs(error: unknown): error is EngineError {
  const code = failureCode(error);
  return code === 'lease_lost' || code === 'store_unavailable' || code === 'internal' || code === undefined;
}

function mapValues<Calls extends Partial<Host>>(
  calls: Calls,
  wrap: <Args extends unknown[], Result>(
    work: (...args: Args) => Promise<Result>,
  ) => (...args: Args) => Promise<Result>,
): Calls {
  const wrapped: Partial<Host> = {};
  for (const kind of Object.keys(calls) as HostCallKind[]) {
    const call = calls[kind];
    if (call) Object.assign(wrapped, { [kind]: wrap(call as (...args: unknown[]) => Promise<unknown>) });
  }
  return wrapped as Calls;
}
