/** `getRecordsByIds`, `listRecords` and `setMergingStrategy`: what a sync asks of the records that are stored. */
import { hostCall, hasCalledOut } from './calls.ts';
import { checkedModel, invalidCall, type RecordRules } from './record-rules.ts';

type StoredRecord = { readonly id: unknown };

const IDS_AT_ONCE = 100;
const ROWS_AT_ONCE = 1_000;
const STRATEGIES = ['override', 'ignore_if_modified_after'];

/** The members of a sync's `nango` that read records. */
export function recordReads(rules: RecordRules) {
  return {
    getRecordsByIds: (ids: unknown, model: unknown) => recordsByIds(rules, ids, model),
    listRecords: (model: unknown, options?: { readonly cursor?: string }) => listRecords(rules, model, options),
    setMergingStrategy: (merging: unknown, model: unknown) => setMergingStrategy(rules, merging, model),
  };
}

/** Keys are the ids as they were given; ids that were never saved are absent. */
async function recordsByIds(rules: RecordRules, ids: unknown, model: unknown): Promise<Map<unknown, StoredRecord>> {
  const name = checkedModel(rules, 'getRecordsByIds', model);
  if (!Array.isArray(ids)) throw invalidCall(rules, 'getRecordsByIds', 'an array of ids is expected');
  const found = new Map<unknown, StoredRecord>();
  for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
    const asked = ids.slice(from, from + IDS_AT_ONCE);
    const { rows } = await readPage({ model: name, ids: asked.map(String), limit: IDS_AT_ONCE });
    const byId = new Map(rows.map((row) => [String(row.id), row]));
    for (const id of asked) {
      const row = byId.get(String(id));
      if (row !== undefined) found.set(id, row);
    }
  }
  return found;
}

async function* listRecords(rules: RecordRules, model: unknown, options?: { readonly cursor?: string }) {
  const name = checkedModel(rules, 'listRecords', model);
  let cursor = options?.cursor;
  for (;;) {
    const page = await readPage({ model: name, limit: ROWS_AT_ONCE, ...(cursor === undefined ? {} : { cursor }) });
    yield* page.rows;
    if (page.nextCursor === null) return;
    cursor = page.nextCursor;
  }
}

async function readPage(args: object): Promise<{ rows: readonly StoredRecord[]; nextCursor: string | null }> {
  const { value, body } = await hostCall('readRecords', args);
  const rows = JSON.parse(String(body ?? '[]')) as StoredRecord[];
  return { rows, nextCursor: (value as { nextCursor: string | null }).nextCursor };
}

async function setMergingStrategy(rules: RecordRules, merging: unknown, model: unknown): Promise<void> {
  const name = checkedModel(rules, 'setMergingStrategy', model);
  const strategy =
    typeof merging === 'object' && merging !== null && 'strategy' in merging ? merging.strategy : merging;
  if (typeof strategy !== 'string' || !STRATEGIES.includes(strategy)) {
    throw invalidCall(
      rules,
      'setMergingStrategy',
      `the strategy ${STRATEGIES.map((one) => `'${one}'`).join(' or ')} is expected`,
    );
  }
  if (hasCalledOut()) {
    throw invalidCall(rules, 'setMergingStrategy', 'it must come before anything is fetched or saved');
  }
  await hostCall('setMergingStrategy', { model: name, strategy });
}
