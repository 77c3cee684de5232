/** What a dry run would have stored: the same rules for records as in production, in memory. */
import { isDeepStrictEqual } from 'node:util';
import { EngineError } from '../contract/failures.ts';
import type { RecordCounts } from '../contract/host.ts';
import { createCheckers } from '../manifest/check-json.ts';
import { readBatch } from '../manifest/record-batch.ts';
import { mergeJson } from '../manifest/record-rules.ts';
import { openTelling, violationsIn } from '../manifest/violations.ts';

export type DryModel = {
  readonly model: string;
  /** Of all batches together: an id saved twice with other content counts once as added and once as updated. */
  readonly counts: RecordCounts;
  readonly saved: readonly unknown[];
  /** Ids of `batchDelete`. They count as deleted where the run itself saved them, since nothing else is known here. */
  readonly deleted: readonly string[];
};

export type DryRecords = {
  readonly save: (model: string, ids: readonly string[], body: string | undefined) => void;
  /** Merges into what the run saved, or else into what the server has. */
  readonly update: (model: string, ids: readonly string[], body: string | undefined) => Promise<void>;
  readonly remove: (model: string, ids: readonly string[]) => void;
  /** Throws for a model that the script does not declare. */
  readonly check: (model: string) => void;
  /** A record as the run left it; undefined when it did not touch it, null when it deleted it. */
  readonly find: (model: string, id: string) => unknown;
  readonly result: () => readonly DryModel[];
};

type Model = { readonly rows: Map<string, unknown>; readonly gone: Set<string>; counts: RecordCounts };

/**
 * Collects saves and deletes. Throws `record_invalid` for a model that the script does not declare.
 * @param options.stored live records of the server by id, without their metadata.
 * @param options.schema JSON Schema of the models, where records are to be held against it.
 */
export function createDryRecords(
  declared: readonly string[],
  options: {
    readonly warn: (message: string) => void;
    readonly stored: (model: string, ids: readonly string[]) => Promise<ReadonlyMap<string, unknown>>;
    readonly schema?: unknown;
  },
): DryRecords {
  const { warn, stored } = options;
  const checkers = options.schema === undefined ? undefined : createCheckers(options.schema);
  const newsOf = openTelling();
  const models = new Map<string, Model>();
  const check = (name: string): void => {
    if (declared.includes(name)) return;
    const known = declared.map((one) => `'${one}'`).join(', ') || 'none';
    throw new EngineError('record_invalid', `Model '${name}' is not declared by the script: expected one of ${known}`);
  };
  const open = (name: string): Model => {
    check(name);
    const model = models.get(name) ?? { rows: new Map(), gone: new Set(), counts: NONE };
    models.set(name, model);
    return model;
  };
  const read = (method: string, name: string, ids: readonly string[], body: string | undefined) => {
    const batch = readBatch(method, name, { ids, body });
    const checker = method === 'batchSave' ? checkers?.get(name) : undefined;
    const misfits = checker === undefined ? [] : newsOf(violationsIn(name, batch, checker));
    // One line a batch, as the log of a run has it.
    const warnings = [...batch.warnings, ...misfits];
    if (warnings.length > 0) warn(warnings.join('; '));
    return new Map(batch.ids.map((id, at) => [id, batch.rows[at] ?? '']));
  };
  return {
    check,
    save: (name, ids, body = '[]') => {
      const model = open(name);
      for (const [id, row] of read('batchSave', name, ids, body)) put(model, id, JSON.parse(row));
    },
    update: async (name, ids, body = '[]') => {
      const model = open(name);
      const batch = read('batchUpdate', name, ids, body);
      const unknown = [...batch.keys()].filter((id) => !model.rows.has(id) && !model.gone.has(id));
      const there = unknown.length === 0 ? new Map<string, unknown>() : await stored(name, unknown);
      for (const [id, patch] of batch) {
        const before = model.rows.get(id) ?? there.get(id);
        if (before !== undefined) put(model, id, mergeJson(before, JSON.parse(patch)), before);
      }
    },
    remove: (name, ids) => {
      const model = open(name);
      const batch = readBatch('batchDelete', name, { ids, body: undefined });
      for (const id of batch.ids) model.gone.add(id);
      const deleted = batch.ids.filter((id) => model.rows.delete(id)).length;
      model.counts = { ...model.counts, deleted: model.counts.deleted + deleted };
    },
    find: (name, id) => {
      const model = models.get(name);
      return model?.rows.get(id) ?? (model?.gone.has(id) ? null : undefined);
    },
    result: () =>
      [...models].map(([model, { rows, gone, counts }]) => ({
        model,
        counts,
        saved: [...rows.values()],
        deleted: [...gone],
      })),
  };
}

const NONE: RecordCounts = { added: 0, updated: 0, deleted: 0 };

/** Keeps a row and counts what that was: nothing when it is what was there before. */
function put(model: Model, id: string, row: unknown, before = model.rows.get(id)): void {
  const { added, updated, deleted } = model.counts;
  if (before === undefined) model.counts = { added: added + 1, updated, deleted };
  else if (!isDeepStrictEqual(before, row)) model.counts = { added, updated: updated + 1, deleted };
  model.rows.set(id, row);
}
