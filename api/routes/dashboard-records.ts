import { Router } from 'express';
import { z } from 'zod';
import { encodeCursor } from '../../store/record-cursor.ts';
import { isoTime, pageOfRecords, type RecordRow } from '../../store/record-reads.ts';
import { createRecordSeal } from '../../store/record-seal.ts';
import { json } from '../answer.ts';
import { decodeCursor } from '../cursor.ts';
import type { ApiDeps } from '../deps.ts';
import { knownConnection } from '../known.ts';
import type { Route } from '../route.ts';
import { connectionHeaders, modelName, scriptName, wholeNumber } from '../schemas.ts';
import { actionFilter, addressIn, knownHead, recordId } from './records.ts';

const QUERY = z.strictObject({
  model: modelName,
  variant: scriptName.default('base'),
  filter: actionFilter.optional(),
  id: recordId.optional(),
  cursor: z.string().max(1_000).optional(),
  limit: wholeNumber(1, 500).default(100),
});
const PREVIEW_CHARACTERS = 160;
/** A page that holds so much is not filled up: a payload may have megabytes, of which a list shows a line. */
const PAGE_BYTES = 8 * 1024 * 1024;

/** Records as the dashboard lists them: the beginning of each payload, and how long it is. GET /records has the whole. */
export function dashboardRecordRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/dashboard/records',
    route({
      headers: connectionHeaders,
      query: QUERY,
      handle: async ({ environment, headers, query }) => {
        const afterSeq = query.cursor ? decodeCursor(query.cursor) : '0';
        const connection = await knownConnection(deps.db, environment, addressIn(headers));
        const headId = await knownHead(deps, connection, query);
        if (headId === undefined) return json({ records: [], next_cursor: null });
        const rows = await pageOfRecords(deps.db, {
          ...{ headId, afterSeq, limit: query.limit, maxBytes: PAGE_BYTES },
          actions: query.filter ?? null,
          ids: query.id === undefined ? null : [query.id],
          open: createRecordSeal(deps.box, false).open,
        });
        // A page may be short because its records are long: only an empty one is surely the end.
        const next = query.id === undefined ? rows.at(-1)?.seq : undefined;
        return json({
          records: rows.map(preview),
          next_cursor: next === undefined ? null : encodeCursor(next),
        });
      },
    }),
  );
  return router;
}

function preview({ seq, payload, lastAction, firstSeenAt, lastModifiedAt }: RecordRow) {
  const { id, ...rest } = JSON.parse(payload) as { readonly id: string | number };
  const text = JSON.stringify(rest);
  return {
    id,
    preview: text.length > PREVIEW_CHARACTERS ? `${text.slice(0, PREVIEW_CHARACTERS)}…` : text,
    characters: payload.length,
    last_action: lastAction,
    first_seen_at: isoTime(firstSeenAt),
    last_modified_at: isoTime(lastModifiedAt),
    cursor: encodeCursor(seq),
  };
}

export type RecordPreview = ReturnType<typeof preview>;
