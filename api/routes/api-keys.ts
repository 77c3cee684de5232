import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { type ApiKey, addApiKey, deleteApiKey, endApiKey, findApiKey, listApiKeys } from '../../store/api-keys.ts';
import { type Actor, type AuditAction, addAuditEntry } from '../../store/audit-log.ts';
import { type Queryable, withTransaction } from '../../store/db.ts';
import type { Environment } from '../../store/environments.ts';
import { actorOf } from '../actor.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { SCOPES } from '../endpoints.ts';
import type { Route } from '../route.ts';
import { freeText, knownName } from '../schemas.ts';

const DAY_S = 86_400;

const scope = z
  .string()
  .refine(
    (text) => SCOPES.some((one) => one === text || (text.endsWith(':*') && one.startsWith(text.slice(0, -1)))),
    "expected a scope such as 'environment:records:read', or one for several such as 'environment:records:*'",
  );
const NEW_KEY = z.strictObject({
  display_name: freeText.min(1).max(255),
  /** Absent: everything in the environment. */
  scopes: z.array(scope).min(1).max(100).optional(),
  expires_at: z.iso.datetime({ offset: true }).optional(),
});
const ROTATION = z.strictObject({
  /** For how long the old key goes on beside the new one. */
  overlap_seconds: z
    .number()
    .int()
    .min(0)
    .max(30 * DAY_S)
    .default(DAY_S),
});
const ONE = z.object({ id: knownName });

/** The keys of an environment: made, replaced with an overlap, revoked. Each is shown once, when it is made. */
export function apiKeyRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/environment/api-keys',
    route({
      handle: async ({ environment }) => json({ data: (await listApiKeys(deps.db, environment.id)).map(viewOf) }),
    }),
  );
  router.post(
    '/environment/api-keys',
    route({
      body: NEW_KEY,
      handle: async ({ environment, body, request }) => {
        const at = deps.clock();
        const wishes = {
          displayName: body.display_name,
          scopes: body.scopes ?? null,
          expiresAt: body.expires_at === undefined ? null : new Date(body.expires_at),
        };
        const { secret, ...key } = await withTransaction(deps.db, async (db) => {
          const made = await addApiKey(db, environment.id, wishes, at);
          const detail = { name: made.displayName, scopes: made.scopes };
          await note(db, environment, 'key.created', made, { actor: actorOf(request), at, detail });
          return made;
        });
        return json({ data: { ...viewOf(key), secret } }, 201);
      },
    }),
  );
  router.post(
    '/environment/api-keys/:id/rotate',
    route({
      params: ONE,
      body: ROTATION,
      handle: async ({ environment, params, body, request }) => {
        const old = await knownKey(deps, environment, params.id);
        const at = deps.clock();
        const endsAt = new Date(at.getTime() + body.overlap_seconds * 1_000);
        const { secret, ...key } = await withTransaction(deps.db, async (db) => {
          await endApiKey(db, old.id, endsAt);
          const made = await addApiKey(db, environment.id, old, at);
          const detail = { name: made.displayName, by: made.prefix, endsAt };
          await note(db, environment, 'key.rotated', old, { actor: actorOf(request), at, detail });
          return made;
        });
        return json(
          { data: { ...viewOf(key), secret }, replaces: { id: old.id, expires_at: endsAt.toISOString() } },
          201,
        );
      },
    }),
  );
  router.delete(
    '/environment/api-keys/:id',
    route({
      params: ONE,
      handle: async ({ environment, params, request }) => {
        const key = await knownKey(deps, environment, params.id);
        const at = deps.clock();
        await withTransaction(deps.db, async (db) => {
          await deleteApiKey(db, key.id);
          const detail = { name: key.displayName };
          await note(db, environment, 'key.revoked', key, { actor: actorOf(request), at, detail });
          if (await hasMaster(db, environment, at)) return;
          throw new EngineError(
            'conflict',
            `Key '${key.prefix}…' is the last one without limits and end: make another first.`,
          );
        });
        return json({ success: true });
      },
    }),
  );
  return router;
}

function note(
  db: Queryable,
  environment: Environment,
  action: AuditAction,
  key: ApiKey,
  of: { readonly actor: Actor; readonly at: Date; readonly detail: Readonly<Record<string, unknown>> },
): Promise<void> {
  return addAuditEntry(db, { environmentId: environment.id, action, subject: key.prefix, ...of });
}

/** Whether somebody could still make keys. */
async function hasMaster(db: Queryable, environment: Environment, at: Date): Promise<boolean> {
  const keys = await listApiKeys(db, environment.id);
  return keys.some(
    (key) =>
      (key.scopes ?? ['environment:*']).includes('environment:*') && (key.expiresAt === null || key.expiresAt > at),
  );
}

async function knownKey(deps: ApiDeps, environment: Environment, id: string): Promise<ApiKey> {
  const key = await findApiKey(deps.db, environment.id, id);
  if (key !== undefined) return key;
  throw new EngineError('not_found', `Unknown key '${id}': GET /environment/api-keys lists them.`);
}

function viewOf(key: ApiKey) {
  return {
    id: key.id,
    display_name: key.displayName,
    prefix: key.prefix,
    scopes: key.scopes ?? ['environment:*'],
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
  };
}
