/** Reads of records in a dry run: what the server has, and over it what the run would have changed. */
import type { Host } from '../contract/host.ts';
import type { Client } from './client.ts';
import type { DryRecords } from './dry-records.ts';

type StoredRecord = Readonly<Record<string, unknown>> & { readonly id: unknown };
type Page = { readonly records: readonly StoredRecord[]; readonly next_cursor: string | null };
export type StoredRecords = {
  readonly page: (model: string, query: Readonly<Record<string, string>>, ids?: readonly string[]) => Promise<Page>;
  /** Live records by id, without metadata. */
  readonly live: (model: string, ids: readonly string[]) => Promise<Map<string, unknown>>;
};

const IDS_AT_ONCE = 100;

/** The records of one connection and variant at the server; a model that was never saved there has none. */
export function openStoredRecords(
  client: Client,
  connection: { readonly provider_config_key: string; readonly connection_id: string },
  variant: string,
): StoredRecords {
  const headers = {
    'provider-config-key': connection.provider_config_key,
    'connection-id': connection.connection_id,
  };
  const page: StoredRecords['page'] = async (model, query, ids = []) => {
    const asked = new URLSearchParams([
      ...Object.entries({ model, variant, ...query }),
      ...ids.map((id): [string, string] => ['ids', id]),
    ]);
    const { status, body } = await client.send('GET', `/records?${asked}`, headers, undefined);
    // The script may not be deployed yet: then nothing is stored.
    if (status === 404) return { records: [], next_cursor: null };
    const answer = JSON.parse(body.toString('utf8'));
    if (status !== 200) throw new Error(`GET /records answered ${status}: ${JSON.stringify(answer)}`);
    return answer as Page;
  };
  return {
    page,
    live: async (model, ids) => {
      const found = new Map<string, unknown>();
      for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
        const { records } = await page(model, { limit: '100' }, ids.slice(from, from + IDS_AT_ONCE));
        for (const { _nango_metadata: metadata, ...record } of records) {
          if ((metadata as { deleted_at: unknown }).deleted_at === null) found.set(String(record.id), record);
        }
      }
      return found;
    },
  };
}

/** `readRecords` of a dry run. Records that the run itself saved carry no cursor: nothing is stored of them. */
export function createRecordReads(stored: StoredRecords, own: DryRecords): Pick<Host, 'readRecords'> {
  const overlaid = (model: string, record: StoredRecord): StoredRecord => {
    const changed = own.find(model, String(record.id));
    const metadata = record['_nango_metadata'] as object;
    if (changed === undefined) return record;
    const at = new Date().toISOString();
    if (changed === null)
      return { ...record, _nango_metadata: { ...metadata, last_action: 'DELETED', deleted_at: at } };
    return { ...(changed as StoredRecord), _nango_metadata: { ...metadata, last_action: 'UPDATED', deleted_at: null } };
  };
  const fresh = (model: string, id: string): StoredRecord[] => {
    const row = own.find(model, id);
    if (row === undefined || row === null) return [];
    const at = new Date().toISOString();
    const metadata = {
      first_seen_at: at,
      last_modified_at: at,
      last_action: 'ADDED',
      deleted_at: null,
      pruned_at: null,
    };
    return [{ ...(row as StoredRecord), _nango_metadata: metadata }];
  };
  return {
    readRecords: async ({ model, ids, cursor, limit }) => {
      const query = { limit: String(limit), ...(cursor !== undefined && { cursor }) };
      const page = await stored.page(model, query, ids);
      const known = new Set(page.records.map(({ id }) => String(id)));
      const isLast = page.next_cursor === null;
      const others =
        ids ?? (isLast ? own.result().flatMap((one) => (one.model === model ? idsOf(one.saved) : [])) : []);
      const added = others.filter((id) => !known.has(id)).flatMap((id) => fresh(model, id));
      const records = [...page.records.map((record) => overlaid(model, record)), ...added];
      return { value: { nextCursor: page.next_cursor }, body: JSON.stringify(records) };
    },
  };
}

function idsOf(rows: readonly unknown[]): string[] {
  return rows.map((row) => String((row as StoredRecord).id));
}
