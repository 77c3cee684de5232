import { EngineError } from '../../contract/failures.ts';
import type { CallContext, Host } from '../../contract/host.ts';
import { readBatch } from '../../manifest/record-batch.ts';
import { headOf } from '../../store/record-heads.ts';
import { encodeCursor, parseCursor } from '../../store/record-cursor.ts';
import { createRecordSeal } from '../../store/record-seal.ts';
import { pageOfRecords, recordJson } from '../../store/record-reads.ts';
import { declaredModelsOf } from '../../store/scripts.ts';
import type { Attempt } from '../../store/runs.ts';
import { askForUnseen, trackModels } from '../deletions.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Recorder } from '../recorder.ts';
import { untilStored } from '../store-retry.ts';
import { openValidation } from '../validation.ts';
import type { RunLog } from './run-log.ts';

type RecordCall =
  | 'saveRecords'
  | 'updateRecords'
  | 'deleteRecords'
  | 'readRecords'
  | 'setMergingStrategy'
  | 'startTracking'
  | 'deleteUnseen';

/** Of one answer to a script: well below what crosses the border at once. */
const PAGE_BYTES = 8 * 1024 * 1024;

/**
 * Records as scripts write and read them. Writes are checked and buffered; they are stored together with the answer the
 * script got. Reads come after everything written before them.
 */
export function createRecordCalls(
  deps: Dependencies,
  run: Attempt,
  recorder: Recorder,
  { log, signal }: { readonly log: RunLog; readonly signal: AbortSignal },
): Pick<Host, RecordCall> {
  const batchOf = (
    method: string,
    { model, ids }: { model: string; ids: readonly string[] },
    { body, number }: CallContext,
  ) => {
    checkModel(run, model);
    const batch = readBatch(method, model, { ids, body });
    const warn = (others: readonly string[] = []): void => {
      const warnings = [...batch.warnings, ...others];
      if (warnings.length > 0) log.warn(number, warnings.join('; '));
    };
    return { ...batch, warn };
  };
  const validation = openValidation(deps, run, signal);
  return {
    saveRecords: async (args, call) => {
      const batch = batchOf('batchSave', args, call);
      const { ids, rows } = batch;
      const { violations, warnings } = await validation.check(args.model, batch);
      batch.warn(warnings);
      if (violations.length > 0) await recorder.write(call.number, { kind: 'violations', violations });
      await recorder.write(call.number, { kind: 'save', model: args.model, ids, rows });
      return { value: null };
    },
    updateRecords: async (args, call) => {
      const { ids, rows, warn } = batchOf('batchUpdate', args, call);
      warn();
      await recorder.write(call.number, { kind: 'update', model: args.model, ids, rows });
      return { value: null };
    },
    deleteRecords: async (args, call) => {
      const { ids, warn } = batchOf('batchDelete', args, call);
      warn();
      await recorder.write(call.number, { kind: 'delete', model: args.model, ids });
      return { value: null };
    },
    readRecords: async (args) => {
      await recorder.flush();
      return untilStored(() => readPage(deps, run, args), signal);
    },
    startTracking: async ({ model }) => {
      checkModel(run, model);
      await recorder.flush();
      await trackModels(deps, run, [model], signal);
      return { value: null };
    },
    deleteUnseen: async ({ model }) => {
      checkModel(run, model);
      await recorder.flush();
      const unseen = await askForUnseen(deps, run, model, signal);
      if (unseen !== undefined) return { value: { deletedKeys: unseen.keys } };
      throw new EngineError(
        'record_invalid',
        `Nothing of '${model}' was tracked in this run: call trackDeletesStart('${model}') before the first batchSave`,
      );
    },
    setMergingStrategy: async ({ model, strategy }, call) => {
      checkModel(run, model);
      await recorder.write(call.number, { kind: 'strategy', model, strategy });
      return { value: null };
    },
  };
}

async function readPage(deps: Dependencies, run: Attempt, args: Parameters<Host['readRecords']>[0]) {
  const { model, ids = null, cursor, limit } = args;
  const afterSeq = cursor === undefined ? '0' : parseCursor(cursor);
  if (afterSeq === undefined) {
    throw new EngineError('record_invalid', `listRecords of '${model}': '${cursor}' is no cursor of a record`);
  }
  const headId = await headOf(deps.db, { connectionRow: run.connectionRow, model, variant: run.variant });
  if (headId === undefined) {
    await checkKnownModel(deps, run, model);
    return { value: { nextCursor: null }, body: '[]' };
  }
  const { open } = createRecordSeal(deps.box, false);
  const page = { headId, afterSeq, actions: null, ids, limit, maxBytes: PAGE_BYTES, open };
  const rows = await pageOfRecords(deps.db, page);
  const last = rows.at(-1);
  const nextCursor = last === undefined ? null : encodeCursor(last.seq);
  return { value: { nextCursor }, body: `[${rows.map(recordJson).join(',')}]` };
}

/** Reading is not limited to the script's own models, but a misspelt name must not look like an empty one. */
async function checkKnownModel(deps: Dependencies, run: Attempt, model: string): Promise<void> {
  if (run.models?.includes(model)) return;
  const declared = await declaredModelsOf(deps.db, run.connectionRow);
  if (!declared.includes(model)) throw unknownModel(model, `the syncs of this connection`, declared);
}

// The guest checks this too, with the author's line; what the guest says is not trusted.
function checkModel(run: Attempt, model: string): void {
  if (!run.models?.includes(model)) throw unknownModel(model, `'${run.name}'`, run.models ?? []);
}

function unknownModel(model: string, by: string, declared: readonly string[]): EngineError {
  const known = declared.map((name) => `'${name}'`).join(', ') || 'none';
  return new EngineError('record_invalid', `Model '${model}' is not declared by ${by}: expected one of ${known}`);
}
