import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { addAuditEntry } from '../../store/audit-log.ts';
import { withTransaction } from '../../store/db.ts';
import type { Environment } from '../../store/environments.ts';
import { deleteScripts, listScripts, type Script, sourceOfScript } from '../../store/scripts.ts';
import { actorOf } from '../actor.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { functionType, functionView, openAiFunctions, scriptsConfig } from '../function-view.ts';
import { knownIntegration } from '../known.ts';
import type { Route } from '../route.ts';
import { freeText, knownName, wholeNumber } from '../schemas.ts';
import { tellEngine } from '../tell-engine.ts';

const KIND = z.enum(['sync', 'action', 'on-event']);
const LIST = z.strictObject({
  type: KIND.optional(),
  search: freeText.max(255).optional(),
  page: wholeNumber(0, 100_000).default(0),
  limit: wholeNumber(1, 100).default(20),
});
const ONE = z.object({ key: knownName, name: knownName });

/** What is deployed for an integration, in the words of newer clients, and for the whole environment. */
export function functionRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/integrations/:key/functions',
    route({
      params: z.object({ key: knownName }),
      query: LIST,
      handle: async ({ environment, params, query: { type, search = '', page, limit } }) => {
        const all = (await scriptsOf(deps, environment, params.key))
          .filter((script) => type === undefined || functionType(script) === type)
          .filter((script) => script.name.toLowerCase().includes(search.toLowerCase()));
        const shown = all.slice(page * limit, (page + 1) * limit);
        const data = await Promise.all(shown.map((script) => functionView(deps, script)));
        return json({ data, pagination: { total: all.length, page, limit } });
      },
    }),
  );
  router.get(
    '/integrations/:key/functions/:name',
    route({
      params: ONE,
      query: z.strictObject({ type: KIND.optional() }),
      handle: async ({ environment, params, query }) =>
        json({ data: await functionView(deps, await knownFunction(deps, environment, { ...params, ...query })) }),
    }),
  );
  router.get(
    '/integrations/:key/functions/:name/code',
    route({
      params: ONE,
      query: z.strictObject({ type: KIND.optional() }),
      handle: async ({ environment, params, query }) => {
        const script = await knownFunction(deps, environment, { ...params, ...query });
        const code = await sourceOfScript(deps.db, script.id);
        if (code !== null) return json({ type: functionType(script), code });
        throw new EngineError('not_found', `The source of ${script.kind} '${script.name}' was not deployed with it.`);
      },
    }),
  );
  router.delete(
    '/integrations/:key/functions/:name',
    route({
      params: ONE,
      query: z.strictObject({ type: z.enum(['sync', 'action']) }),
      handle: async ({ environment, params, query, request }) => {
        const script = await knownFunction(deps, environment, { ...params, ...query });
        await withTransaction(deps.db, async (db) => {
          await deleteScripts(db, [script.id]);
          await addAuditEntry(db, {
            ...{ environmentId: environment.id, action: 'function.deleted', actor: actorOf(request), at: deps.clock() },
            subject: `${params.key}/${script.name}`,
            detail: { type: functionType(script), version: script.version },
          });
        });
        await tellEngine(deps);
        return json({ data: { success: true } });
      },
    }),
  );
  router.get(
    '/scripts/config',
    route({
      query: z.strictObject({ format: z.enum(['nango', 'openai']).default('nango') }),
      handle: async ({ environment, query }) =>
        json(
          query.format === 'openai'
            ? { data: await openAiFunctions(deps, environment.id) }
            : await scriptsConfig(deps, environment.id),
        ),
    }),
  );
  return router;
}

async function scriptsOf(deps: ApiDeps, environment: Environment, key: string): Promise<Script[]> {
  await knownIntegration(deps.db, environment, key);
  return (await listScripts(deps.db, environment.id)).filter((script) => script.providerConfigKey === key);
}

async function knownFunction(
  deps: ApiDeps,
  environment: Environment,
  { key, name, type }: { key: string; name: string; type?: z.infer<typeof KIND> | undefined },
): Promise<Script> {
  const named = (await scriptsOf(deps, environment, key)).filter((script) => script.name === name);
  const matching = named.filter((one) => type === undefined || functionType(one) === type);
  const [script] = matching;
  if (script === undefined)
    throw new EngineError(
      'not_found',
      `Unknown function '${name}' of integration '${key}': GET /integrations/${encodeURIComponent(key)}/functions lists them.`,
    );
  // One script may follow several events.
  const types = new Set(matching.map(functionType));
  if (types.size === 1) return script;
  throw new EngineError(
    'ambiguous_function',
    `Integration '${key}' has several functions '${name}': expected ${[...types].map((one) => `type=${one}`).join(' or ')}.`,
  );
}
