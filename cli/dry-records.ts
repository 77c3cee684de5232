/** What a dry run would have stored: the same rules for records as in production, in memory. */
import { EngineError } from '../contract/failures.ts';
import type { RecordCounts } from '../contract/host.ts';
import { cleanJsonText, lastOfEachId } from '../manifest/record-rules.ts';

type Rows = Map<string, unknown>;
export type DryModel = {
  readonly model: string;
  /** Of all batches together: an id saved twice with other content counts once as added and once as updated. */
  readonly counts: RecordCounts;
  readonly saved: readonly unknown[];
  /** Ids of `batchDelete`. They count as deleted where the run itself saved them, since nothing else is known here. */
  readonly deleted: readonly string[];
};

export type DryRecords = {
  readonly save: (model: string, ids: readonly string[], body: string) => void;
  readonly remove: (model: string, ids: readonly string[]) => void;
  readonly result: () => readonly DryModel[];
};

/** Collects saves and deletes. Throws `record_invalid` for a model that the script does not declare. */
export function createDryRecords(declared: readonly string[], warn: (message: string) => void): DryRecords {
  const saved = new Map<string, Rows>();
  const deleted = new Map<string, Set<string>>();
  const counts = new Map<string, RecordCounts>();
  const check = (model: string) => {
    if (declared.includes(model)) return;
    const known = declared.map((name) => `'${name}'`).join(', ') || 'none';
    throw new EngineError('record_invalid', `Model '${model}' is not declared by the script: expected one of ${known}`);
  };
  const add = (model: string, change: RecordCounts): void => {
    const before = counts.get(model) ?? { added: 0, updated: 0, deleted: 0 };
    counts.set(model, {
      added: before.added + change.added,
      updated: before.updated + change.updated,
      deleted: before.deleted + change.deleted,
    });
  };
  return {
    save: (model, ids, body) => {
      check(model);
      const rows = JSON.parse(cleanJsonText(body)) as unknown[];
      const { positions, duplicates } = lastOfEachId(ids);
      if (duplicates.length > 0)
        warn(`batchSave of '${model}': id '${duplicates[0]}' occurs more than once; the last of each is kept`);
      const own = rowsOf(saved, model);
      add(
        model,
        saveAll(
          own,
          positions.map((at) => [ids[at] ?? '', rows[at]]),
        ),
      );
    },
    remove: (model, ids) => {
      check(model);
      const own = rowsOf(saved, model);
      const gone = deleted.get(model) ?? new Set();
      deleted.set(model, gone);
      for (const id of ids) gone.add(id);
      add(model, { added: 0, updated: 0, deleted: ids.filter((id) => own.delete(id)).length });
    },
    result: () =>
      [...new Set([...saved.keys(), ...deleted.keys()])].map((model) => ({
        model,
        counts: counts.get(model) ?? { added: 0, updated: 0, deleted: 0 },
        saved: [...(saved.get(model)?.values() ?? [])],
        deleted: [...(deleted.get(model) ?? [])],
      })),
  };
}

function rowsOf(all: Map<string, Rows>, model: string): Rows {
  const rows = all.get(model) ?? new Map();
  all.set(model, rows);
  return rows;
}

function saveAll(own: Rows, entries: readonly (readonly [string, unknown])[]): RecordCounts {
  let added = 0;
  let updated = 0;
  for (const [id, row] of entries) {
    if (!own.has(id)) added += 1;
    else if (JSON.stringify(own.get(id)) !== JSON.stringify(row)) updated += 1;
    own.set(id, row);
  }
  return { added, updated, deleted: 0 };
}
