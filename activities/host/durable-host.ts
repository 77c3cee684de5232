/** The Host of a deployed script: what each host call means when its effects must last. One file per group of calls. */
import type { Host } from '../../contract/host.ts';
import type { Connection } from '../../store/connections.ts';
import type { Queryable } from '../../store/db.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Recorder } from '../recorder.ts';
import { createCheckpointCalls } from './checkpoints.ts';
import { createConnectionCalls } from './connections.ts';
import { createRecordCalls } from './records.ts';
import { createRequestCalls } from './requests.ts';
import { createRunLog } from './run-log.ts';

export function createDurableHost(
  deps: Dependencies,
  run: Attempt,
  connection: Connection,
  pass: {
    readonly recorder: Recorder;
    readonly signal: AbortSignal;
    readonly beginAgain: (db: Queryable) => Promise<void>;
  },
): Host {
  const { recorder, signal } = pass;
  const log = createRunLog(deps, run, recorder);
  return {
    ...createRequestCalls(deps, run, connection, recorder),
    ...createRecordCalls(deps, run, recorder, { log, signal }),
    ...createConnectionCalls(deps, connection, recorder, signal),
    ...createCheckpointCalls(deps, run, recorder, pass),
    log: log.log,
  };
}
