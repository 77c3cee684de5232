import { Readable } from 'node:stream';
import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import type { Connection } from '../../store/connections.ts';
import { headOf } from '../../store/record-heads.ts';
import { chunksOfRecords, seqAtTime } from '../../store/record-reads.ts';
import { declaredModels } from '../../store/scripts.ts';
import { type Answer, jsonStream } from '../answer.ts';
import { decodeCursor } from '../cursor.ts';
import type { ApiDeps } from '../deps.ts';
import { knownConnection } from '../known.ts';
import { pageJson } from '../record-json.ts';
import type { Route } from '../route.ts';
import { commaList, connectionHeaders, freeText, modelName, scriptName, wholeNumber } from '../schemas.ts';

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
const filter = commaList.transform((words, context): Action[] => {
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
const recordId = freeText.min(1).max(256);
const QUERY = z.strictObject({
  model: modelName,
  variant: scriptName.default('base'),
  cursor: z.string().max(1_000).optional(),
  modified_after: moment.optional(),
  delta: moment.optional(),
  limit: wholeNumber(1, 10_000).default(100),
  filter: filter.optional(),
  ids: z.union([recordId.transform((id) => [id]), z.array(recordId).max(100, 'expected at most 100 ids')]).optional(),
});

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
        const address = { providerConfigKey: headers['provider-config-key'], connectionId: headers['connection-id'] };
        return answerPage(deps, await knownConnection(deps.db, environment, address), query, afterSeq);
      },
    }),
  );
  return router;
}

async function answerPage(
  deps: ApiDeps,
  connection: Connection,
  query: z.output<typeof QUERY>,
  cursorSeq: string,
): Promise<Answer> {
  const scope = { connectionRow: connection.id, model: query.model, variant: query.variant };
  const headId = await headOf(deps.db, scope);
  if (headId === undefined) {
    await checkModel(deps, connection, scope.model);
    return jsonStream(Readable.from(pageJson([], query.limit)));
  }
  const after = query.modified_after ?? query.delta;
  const timeSeq = after === undefined ? '0' : await seqAtTime(deps.db, headId, after);
  const chunks = chunksOfRecords(deps.db, {
    headId,
    afterSeq: BigInt(timeSeq) > BigInt(cursorSeq) ? timeSeq : cursorSeq,
    actions: query.filter ?? null,
    ids: query.ids ?? null,
    limit: query.limit + 1,
  });
  return jsonStream(Readable.from(pageJson(chunks, query.limit)));
}

/** An empty page is honest only for a model that some sync of the integration declares. */
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
