import { Readable } from 'node:stream';
import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import type { Connection } from '../../store/connections.ts';
import { withTransaction } from '../../store/db.ts';
import { headOf } from '../../store/record-heads.ts';
import { chunksOfRecords, seqAtTime } from '../../store/record-reads.ts';
import { chunksOfList } from '../../store/record-lists.ts';
import { createRecordSeal } from '../../store/record-seal.ts';
import { pruneRecords } from '../../store/record-pruning.ts';
import { declaredModels } from '../../store/scripts.ts';
import { type Answer, json, jsonStream } from '../answer.ts';
import { decodeCursor } from '../cursor.ts';
import type { ApiDeps } from '../deps.ts';
import { knownConnection } from '../known.ts';
import { listJson, pageJson } from '../record-json.ts';
import type { Route } from '../route.ts';
import { commaList, connectionHeaders, flag, freeText, modelName, scriptName, wholeNumber } from '../schemas.ts';

const ACTIONS = { added: 'ADDED', updated: 'UPDATED', deleted: 'DELETED' } as const;
type Action = (typeof ACTIONS)[keyof typeof ACTIONS];

// A '+' that a client did not encode arrives as a space.
const moment = z
  .string()
  .transform((text) => text.replace(/ (\d\d:\d\d)$/, '+$1'))
  .pipe(
    z.union([z.iso.datetime({ offset: true, local: true }), z.iso.date()], {
      error: 'expected an ISO time such as 2026-01-31T12:00:00.000Z',
    }),
  );
/** `added,deleted` in a query. */
export const actionFilter = commaList.transform((words, context): Action[] => {
  const actions = words.map((word) => {
    const key = word.toLowerCase();
    return Object.hasOwn(ACTIONS, key) ? ACTIONS[key as keyof typeof ACTIONS] : undefined;
  });
  const known = actions.filter((action) => action !== undefined);
  if (known.length < actions.length || known.length === 0) {
    context.addIssue({
      code: 'custom',
      message: "expected 'added', 'updated', 'deleted' or several of them with commas",
    });
  }
  return known;
});
export const recordId = freeText.min(1).max(256);
const QUERY = z.strictObject({
  model: modelName,
  variant: scriptName.default('base'),
  cursor: z.string().max(1_000).optional(),
  modified_after: moment.optional(),
  delta: moment.optional(),
  limit: wholeNumber(1, 10_000).default(100),
  filter: actionFilter.optional(),
  ids: z.union([recordId.transform((id) => [id]), z.array(recordId).max(100, 'expected at most 100 ids')]).optional(),
});

const PRUNE = z.strictObject({
  model: modelName,
  variant: scriptName.default('base'),
  until_cursor: z.string().min(1).max(1_000),
  limit: z.number().int().min(1).max(10_000).default(1_000),
});
/** As clients of 2023 ask: what they do not say they send empty. */
const OLD_LIST = z.preprocess(
  withoutEmpty,
  z.strictObject({
    model: modelName,
    variant: scriptName.default('base'),
    delta: moment.optional(),
    limit: wholeNumber(1, 10_000).default(100),
    offset: wholeNumber(0, 999_999_999).default(0),
    sort_by: z
      .enum(['id', 'createdAt', 'updatedAt', 'created_at', 'updated_at'])
      .default('id')
      .transform((by) => (by === 'created_at' ? 'createdAt' : by === 'updated_at' ? 'updatedAt' : by)),
    order: z.enum(['asc', 'desc']).default('desc'),
    filter: actionFilter.optional(),
    include_nango_metadata: flag.default(false),
  }),
);
const ALL_ACTIONS = Object.values(ACTIONS);

export function recordRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/records',
    route({
      headers: connectionHeaders,
      query: QUERY,
      handle: async ({ environment, headers, query }) => {
        // Before anything is looked up: a wrong cursor is wrong whatever the connection is.
        const afterSeq = query.cursor ? decodeCursor(query.cursor) : '0';
        return answerPage(deps, await knownConnection(deps.db, environment, addressIn(headers)), query, afterSeq);
      },
    }),
  );
  router.patch(
    '/records/prune',
    route({
      headers: connectionHeaders,
      body: PRUNE,
      handle: async ({ environment, headers, body }) => {
        const untilSeq = decodeCursor(body.until_cursor, 'until_cursor');
        const connection = await knownConnection(deps.db, environment, addressIn(headers));
        const headId = await knownHead(deps, connection, body);
        if (headId === undefined) return json({ count: 0, has_more: false });
        const prune = { headId, untilSeq, limit: body.limit, at: deps.clock() };
        const { count, hasMore } = await withTransaction(deps.db, (db) => pruneRecords(db, prune));
        return json({ count, has_more: hasMore });
      },
    }),
  );
  router.get(
    '/sync/records',
    route({
      headers: connectionHeaders,
      query: OLD_LIST,
      handle: async ({ environment, headers, query }) =>
        answerOldList(deps, await knownConnection(deps.db, environment, addressIn(headers)), query),
    }),
  );
  return router;
}

function withoutEmpty(query: unknown): unknown {
  if (typeof query !== 'object' || query === null) return query;
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''));
}

export function addressIn(headers: z.output<typeof connectionHeaders>) {
  return { providerConfigKey: headers['provider-config-key'], connectionId: headers['connection-id'] };
}

/** Bare records in an array. Deleted ones are left out where nothing would show that they are. */
async function answerOldList(deps: ApiDeps, connection: Connection, query: z.output<typeof OLD_LIST>): Promise<Answer> {
  const headId = await knownHead(deps, connection, query);
  if (headId === undefined) return json([]);
  const withMetadata = query.include_nango_metadata;
  const chunks = chunksOfList(deps.db, {
    headId,
    afterSeq: query.delta === undefined ? '0' : await seqAtTime(deps.db, headId, query.delta),
    actions: query.filter ?? (withMetadata ? ALL_ACTIONS : null),
    sort: query.sort_by,
    order: query.order,
    offset: query.offset,
    limit: query.limit,
    open: createRecordSeal(deps.box, false).open,
  });
  return jsonStream(Readable.from(listJson(chunks, withMetadata)));
}

async function answerPage(
  deps: ApiDeps,
  connection: Connection,
  query: z.output<typeof QUERY>,
  cursorSeq: string,
): Promise<Answer> {
  const headId = await knownHead(deps, connection, query);
  if (headId === undefined) return jsonStream(Readable.from(pageJson([], query.limit)));
  const after = query.modified_after ?? query.delta;
  const timeSeq = after === undefined ? '0' : await seqAtTime(deps.db, headId, after);
  const chunks = chunksOfRecords(deps.db, {
    headId,
    afterSeq: BigInt(timeSeq) > BigInt(cursorSeq) ? timeSeq : cursorSeq,
    actions: query.filter ?? null,
    ids: query.ids ?? null,
    limit: query.limit + 1,
    open: createRecordSeal(deps.box, false).open,
  });
  return jsonStream(Readable.from(pageJson(chunks, query.limit)));
}

/**
 * The head of a model's records; undefined where there are none yet, which is honest only for a model that some sync of
 * the integration declares. @throws EngineError `unknown_model` for any other
 */
export async function knownHead(
  deps: ApiDeps,
  connection: Connection,
  { model, variant }: { readonly model: string; readonly variant: string },
): Promise<string | undefined> {
  const headId = await headOf(deps.db, { connectionRow: connection.id, model, variant });
  if (headId === undefined) await checkModel(deps, connection, model);
  return headId;
}

async function checkModel(deps: ApiDeps, connection: Connection, model: string): Promise<void> {
  const declared = await declaredModels(deps.db, connection.integrationId);
  if (declared.includes(model)) return;
  const known =
    declared.length === 0
      ? 'no sync is deployed for it'
      : `its syncs save ${declared.map((name) => `'${name}'`).join(', ')}`;
  throw new EngineError(
    'unknown_model',
    `Unknown model '${model}' of integration '${connection.providerConfigKey}': ${known}.`,
  );
}
