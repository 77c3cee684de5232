/** The Host of a deployed script: what each host call means when its effects must last. One file per group of calls. */
import type { Host } from '../../contract/host.ts';
import { createRedactor, type Redactor } from '../../contract/redaction.ts';
import type { Queryable } from '../../store/db.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Recorder } from '../recorder.ts';
import { createCheckpointCalls } from './checkpoints.ts';
import { createConnectionCalls } from './connections.ts';
import { createRecordCalls } from './records.ts';
import { createRequestCalls } from './requests.ts';
import { createRunLog } from './run-log.ts';
import { createSurroundingCalls } from './surroundings.ts';
import { createTriggerCalls } from './triggers.ts';

export function createDurableHost(
  deps: Dependencies,
  run: Attempt,
  pass: {
    readonly recorder: Recorder;
    readonly signal: AbortSignal;
    readonly beginAgain: (db: Queryable) => Promise<void>;
  },
): Host {
  const { recorder, signal } = pass;
  const { connection } = run;
  const redactor = createRedactor();
  redactor.add(JSON.parse(deps.box.open(connection.sealedCredentials)));
  const log = createRunLog(deps, run, recorder, redactor);
  return {
    ...createRequestCalls(deps, run, connection, recorder),
    ...createRecordCalls(deps, run, recorder, { log, signal }),
    ...redacting(redactor, createConnectionCalls(deps, connection, recorder, signal)),
    ...createCheckpointCalls(deps, run, recorder, pass),
    ...createSurroundingCalls(deps, run, connection, { recorder, redactor, signal }),
    ...createTriggerCalls(deps, run, connection, signal),
    log: log.log,
  };
}

/** What a script learns of credentials, it may not write into its log: those of other connections, and renewed ones. */
function redacting(redactor: Redactor, calls: ReturnType<typeof createConnectionCalls>): typeof calls {
  return {
    ...calls,
    getConnection: async (args, call) => {
      const answer = await calls.getConnection(args, call);
      redactor.add(answer.value.credentials);
      return answer;
    },
  };
}
