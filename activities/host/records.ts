import { EngineError } from '../../contract/failures.ts';
import type { Host } from '../../contract/host.ts';
import { cleanJsonText, lastOfEachId } from '../../manifest/record-rules.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Recorder } from '../recorder.ts';
import type { RunLog } from './run-log.ts';

/** `batchSave` and `batchDelete`: checked and buffered; they are stored together with the answer the script got. */
export function createRecordCalls(
  run: Attempt,
  recorder: Recorder,
  log: RunLog,
): Pick<Host, 'saveRecords' | 'deleteRecords'> {
  return {
    saveRecords: async ({ model, ids }, { body = '[]', number }) => {
      checkModel(run, model);
      const { duplicates } = lastOfEachId(ids);
      if (duplicates.length > 0) {
        log.warn(
          number,
          `batchSave of '${model}': id '${duplicates[0]}' occurs more than once; the last of each is kept`,
        );
      }
      await recorder.write(number, { kind: 'save', model, ids, rows: cleanJsonText(body) });
      return { value: null };
    },
    deleteRecords: async ({ model, ids }, { number }) => {
      checkModel(run, model);
      await recorder.write(number, { kind: 'delete', model, ids });
      return { value: null };
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
