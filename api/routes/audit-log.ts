import { Router } from 'express';
import { z } from 'zod';
import { listAuditEntries } from '../../store/audit-log.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import type { Route } from '../route.ts';
import { wholeNumber } from '../schemas.ts';

const LIST = z.strictObject({
  /** The id of an entry: the page after it. */
  before: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(),
  limit: wholeNumber(1, 1_000).default(100),
});

/** `GET /audit-log`: keys, deployments and deletions of the environment, newest first. */
export function auditLogRoutes({ db }: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/audit-log',
    route({
      query: LIST,
      handle: async ({ environment, query }) => {
        const before = query.before === undefined ? null : String(query.before);
        const entries = await listAuditEntries(db, { environmentId: environment.id, before, limit: query.limit });
        const data = entries.map(({ keyPrefix, at, ...entry }) => ({
          ...{ ...entry, id: Number(entry.id), key_prefix: keyPrefix, at: at.toISOString() },
        }));
        return json({ data });
      },
    }),
  );
  return router;
}
