import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { LOG_LEVELS } from '../../contract/host.ts';
import { OPERATION_STATUSES, OPERATION_TYPES } from '../../contract/operation.ts';
import { withinTime } from '../../store/db.ts';
import {
  findOperation,
  listOperations,
  type OperationFilter,
  type OperationView,
  searchOperations,
} from '../../store/operation-list.ts';
import { messagesOf } from '../../store/operation-messages.ts';
import { json } from '../answer.ts';
import { place, placeCursor } from '../cursor.ts';
import type { ApiDeps } from '../deps.ts';
import { operationView } from '../operation-view.ts';
import type { Route } from '../route.ts';
import { commaList, freeText, knownName, wholeNumber } from '../schemas.ts';

const several = <const T extends readonly string[]>(values: T) => commaList.pipe(z.array(z.enum(values)).min(1));
const moment = z.iso
  .datetime({ offset: true, error: 'expected an ISO time with its zone, such as 2026-11-30T12:00:00Z' })
  .transform((text) => new Date(text));
const text = freeText.min(1).max(200);
const LIST = z.strictObject({
  /** One type, or several with commas; so with statuses. */
  type: several(OPERATION_TYPES).optional(),
  status: several(OPERATION_STATUSES).optional(),
  provider_config_key: knownName.optional(),
  connection_id: knownName.optional(),
  /** Of a sync, an action or an on-event script. */
  name: knownName.optional(),
  /** Operations that began from then on; `to`: before then. */
  from: moment.optional(),
  to: moment.optional(),
  /** What they, or one of their messages, must hold, in any case. */
  search: text.optional(),
  cursor: place.optional(),
  limit: wholeNumber(1, 500).default(50),
});
const MESSAGES = z.strictObject({
  level: several(LOG_LEVELS).optional(),
  search: text.optional(),
  /** Messages after this number, which is the `seq` of one, or 0. */
  after: wholeNumber(0, Number.MAX_SAFE_INTEGER).default(0),
  limit: wholeNumber(1, 1_000).default(100),
});
const ONE = z.object({ id: knownName });

/** `GET /logs`: runs, calls of /proxy, sign-ins, refreshes and webhooks as operations, each with its messages. */
export function logRoutes({ db }: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/logs/operations',
    route({
      query: LIST,
      handle: async ({ environment, query }) => {
        const filter = filterOf(environment.id, query);
        const { search, limit } = query;
        const page = await withinTime(db, FOUND_WITHIN_MS, (tx) =>
          search === undefined
            ? listOperations(tx, filter, limit)
            : searchOperations(tx, { ...filter, text: search }, limit),
        );
        if (page === undefined) throw tooWide();
        return json({ operations: page.operations.map(operationView), next_cursor: placeCursor(page.next) });
      },
    }),
  );
  router.get(
    '/logs/operations/:id',
    route({
      params: ONE,
      handle: async ({ environment, params }) => json(operationView(await known(db, environment.id, params.id))),
    }),
  );
  router.get(
    '/logs/operations/:id/messages',
    route({
      params: ONE,
      query: MESSAGES,
      handle: async ({ environment, params, query }) => {
        const operation = await known(db, environment.id, params.id);
        const { after, limit, level = null, search = null } = query;
        const page = { afterSeq: after, limit, levels: level, text: search };
        const messages = await messagesOf(db, environment.id, operation, page);
        return json({ messages, next_after: messages.length < limit ? null : (messages.at(-1)?.seq ?? null) });
      },
    }),
  );
  return router;
}

/** Rare operations among very many runs are looked for one by one; nobody else is to wait for that. */
const FOUND_WITHIN_MS = 5_000;

function tooWide(): EngineError {
  return new EngineError(
    'invalid_query_params',
    `Finding these operations takes longer than ${FOUND_WITHIN_MS / 1_000} s: narrow it with 'from', 'to', 'type', 'connection_id' or 'name'.`,
  );
}

function filterOf(environmentId: string, query: z.output<typeof LIST>): OperationFilter {
  return {
    environmentId,
    types: query.type ?? null,
    statuses: query.status ?? null,
    providerConfigKey: query.provider_config_key ?? null,
    connectionId: query.connection_id ?? null,
    name: query.name ?? null,
    from: query.from ?? null,
    to: query.to ?? null,
    before: query.cursor ?? null,
  };
}

async function known(db: ApiDeps['db'], environmentId: string, id: string): Promise<OperationView> {
  const operation = await findOperation(db, environmentId, id);
  if (operation !== undefined) return operation;
  throw new EngineError('not_found', `Unknown operation '${id}': GET /logs/operations lists them.`);
}
