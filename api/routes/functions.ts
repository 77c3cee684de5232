import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { listScripts, type Script, sourceOfScript } from '../../store/scripts.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { knownIntegration } from '../known.ts';
import type { Route } from '../route.ts';
import { knownName, wholeNumber } from '../schemas.ts';

const KEY = z.object({ key: knownName });
const ONE = z.object({ key: knownName, name: knownName });
const TYPE = z.enum(['sync', 'action']).optional();
const LIST = z.strictObject({
  type: TYPE,
  search: z.string().max(255).optional(),
  page: wholeNumber(0, 1_000_000).default(0),
  limit: wholeNumber(1, 100).default(20),
});

/** The deployed scripts of an integration and their source, which `nango pull` asks for. */
export function functionRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  const scriptsOf = async (environment: { id: string; name: string }, key: string): Promise<Script[]> => {
    await knownIntegration(deps.db, environment, key);
    return (await listScripts(deps.db, environment.id)).filter((script) => script.providerConfigKey === key);
  };
  const find = async (
    environment: { id: string; name: string },
    key: string,
    name: string,
    type: Script['kind'] | undefined,
  ) => {
    const named = (await scriptsOf(environment, key)).filter(
      (script) => script.name === name && (type ?? script.kind) === script.kind,
    );
    const [only] = named;
    if (only === undefined)
      throw new EngineError('not_found', `No script '${name}' of integration '${key}' is deployed.`);
    if (named.length === 1) return only;
    throw new EngineError(
      'conflict',
      `'${name}' of integration '${key}' is a sync and an action: say which by type=sync or type=action.`,
    );
  };
  router.get(
    '/integrations/:key/functions',
    route({
      params: KEY,
      query: LIST,
      handle: async ({ environment, params, query }) => {
        const all = (await scriptsOf(environment, params.key)).filter(
          (script) => (query.type ?? script.kind) === script.kind && script.name.includes(query.search ?? ''),
        );
        const from = query.page * query.limit;
        return json({
          data: all.slice(from, from + query.limit).map(viewOf),
          pagination: { total: all.length, page: query.page },
        });
      },
    }),
  );
  router.get(
    '/integrations/:key/functions/:name',
    route({
      params: ONE,
      query: z.strictObject({ type: TYPE }),
      handle: async ({ environment, params, query }) =>
        json({ data: viewOf(await find(environment, params.key, params.name, query.type)) }),
    }),
  );
  router.get(
    '/integrations/:key/functions/:name/code',
    route({
      params: ONE,
      query: z.strictObject({ type: TYPE }),
      handle: async ({ environment, params, query }) => {
        const script = await find(environment, params.key, params.name, query.type);
        return json({ type: script.kind, code: await sourceOfScript(deps.db, script.id) });
      },
    }),
  );
  return router;
}

function viewOf(script: Script) {
  return {
    name: script.name,
    type: script.kind,
    version: script.version,
    description: script.description,
    models: script.models,
    runs: script.runs,
    enabled: true,
    last_deployed: script.deployedAt.toISOString(),
  };
}
