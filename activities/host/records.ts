import { EngineError } from '../../contract/failures.ts';
import type { Host, LogLevel } from '../../contract/host.ts';
import { cleanJsonText, lastOfEachId } from '../../manifest/record-rules.ts';
import { deleteRecords, type RecordWrite, saveRecords } from '../../store/records.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import { untilStored } from '../store-retry.ts';

type RecordCalls = Pick<Host, 'saveRecords' | 'deleteRecords'>;

/** `batchSave` and `batchDelete`: each batch is one statement, fenced and counted with the run. */
export function createRecordCalls(
  deps: Dependencies,
  run: Attempt,
  log: (level: LogLevel, message: string) => void,
  attempt: AbortSignal,
): RecordCalls {
  const prepare = (model: string, ids: readonly string[]): RecordWrite => {
    checkModel(run, model);
    const { connectionRow, variant, runId, fence, syncId } = run;
    return { connectionRow, model, variant, runId, fence, syncId, ids, at: deps.clock() };
  };
  return {
    saveRecords: async ({ model, ids }, { body = '[]' }) => {
      const { duplicates } = lastOfEachId(ids);
      if (duplicates.length > 0) {
        log('warn', `batchSave of '${model}': id '${duplicates[0]}' occurs more than once; the last of each is kept`);
      }
      const rows = cleanJsonText(body);
      const counts = await untilStored(
        async () =>
          saveRecords(deps.db, await prepare(model, ids), rows).catch((error) => nameRefusal(error, model, ids)),
        attempt,
      );
      return { value: counts };
    },
    deleteRecords: async ({ model, ids }) => {
      const counts = await untilStored(async () => deleteRecords(deps.db, prepare(model, ids)), attempt);
      return { value: counts };
    },
  };
}

// The guest checks this too, with the author's line; what the guest says is not trusted.
function checkModel(run: Attempt, model: string): void {
  if (run.models?.includes(model)) return;
  throw new EngineError(
    'record_invalid',
    `Model '${model}' is not declared by '${run.name}': expected one of ${run.models?.map((name) => `'${name}'`).join(', ') ?? 'none'}`,
  );
}

// SQLSTATE classes 22 (data) and 54 (limits): Postgres refuses what a row holds, whoever tries again.
function nameRefusal(error: unknown, model: string, ids: readonly string[]): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!/^(22|54)/.test(code)) throw error;
  throw new EngineError(
    'record_invalid',
    `batchSave of '${model}': Postgres refuses a row of the ${ids.length} from id '${ids[0]}' on: ${(error as Error).message}`,
    { cause: error },
  );
}
