/** The Host of a deployed script: what each host call means when its effects must last. One file per group of calls. */
import type { Host, HostCallKind } from '../../contract/host.ts';
import type { Redactor } from '../../contract/redaction.ts';
import { createLargeBodies } from '../../outbound/large-bodies.ts';
import type { Queryable } from '../../store/db.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Recorder } from '../recorder.ts';
import { createCheckpointCalls } from './checkpoints.ts';
import { createConnectionCalls } from './connections.ts';
import { createRecordCalls } from './records.ts';
import { createRequestCalls } from './requests.ts';
import { createRunLog } from './run-log.ts';
import { secretsIn } from './script-secrets.ts';
import { createSurroundingCalls } from './surroundings.ts';
import { createTriggerCalls } from './triggers.ts';

/**
 * @param pass.redactor hears of every secret that the script is told, the connection's own from the start.
 */
export function createDurableHost(
  deps: Dependencies,
  run: Attempt,
  pass: {
    readonly recorder: Recorder;
    readonly redactor: Redactor;
    readonly signal: AbortSignal;
    readonly beginAgain: (db: Queryable) => Promise<void>;
  },
): Host {
  const { recorder, redactor, signal } = pass;
  const { connection } = run;
  redactor.add(JSON.parse(deps.box.open(connection.sealedCredentials)));
  const log = createRunLog(deps, run, recorder, redactor);
  const large = createLargeBodies();
  const host: Host = {
    ...createRequestCalls(deps, run, connection, { recorder, redactor, large }),
    ...createRecordCalls(deps, run, recorder, { log, signal }),
    ...createConnectionCalls(deps, connection, recorder, signal),
    ...createCheckpointCalls(deps, run, recorder, pass),
    ...createSurroundingCalls(deps, run, connection, { recorder, redactor, signal, large }),
    ...createTriggerCalls(deps, run, connection, signal),
    log: log.log,
  };
  return { ...host, ...hearing(redactor, host) };
}

/** The calls that tell a script secrets, of which the redactor hears first. */
function hearing(
  redactor: Pick<Redactor, 'add'>,
  { getConnection, getIntegration, getEnvironmentVariables }: Host,
): Pick<Host, 'getConnection' | 'getIntegration' | 'getEnvironmentVariables'> {
  const heard =
    <Answer extends { readonly value: unknown }>(kind: HostCallKind) =>
    (answer: Answer): Answer => {
      redactor.add(secretsIn(kind, () => answer.value));
      return answer;
    };
  return {
    getConnection: (args, call) => getConnection(args, call).then(heard('getConnection')),
    getIntegration: (args, call) => getIntegration(args, call).then(heard('getIntegration')),
    getEnvironmentVariables: (args, call) => getEnvironmentVariables(args, call).then(heard('getEnvironmentVariables')),
  };
}
