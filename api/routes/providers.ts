import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import type { Provider } from '../../outbound/provider.ts';
import { json } from '../answer.ts';
import { closeMatches } from '../close-matches.ts';
import type { ApiDeps } from '../deps.ts';
import type { Route } from '../route.ts';
import { knownName } from '../schemas.ts';

export function providerRoutes({ catalogue }: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  const known = (name: string): Provider => {
    if (catalogue.has(name)) return catalogue.get(name);
    throw unknownProvider(name, catalogue.list());
  };
  router.get(
    '/providers',
    route({
      query: z.strictObject({ search: z.string().optional() }),
      handle: async ({ query }) => {
        const wanted = query.search?.toLowerCase() ?? '';
        const found = catalogue.list().filter((provider) => wordsOf(provider).some((word) => word.includes(wanted)));
        return json({ data: found });
      },
    }),
  );
  router.get(
    '/providers/:name',
    route({
      params: z.object({ name: knownName }),
      handle: async ({ params }) => {
        return json({ data: known(params.name) });
      },
    }),
  );
  router.get(
    '/providers/:name/templates',
    route({
      params: z.object({ name: knownName }),
      handle: async ({ params }) => {
        known(params.name);
        // Ready-made scripts of the incumbent; none come with the engine.
        return json({ data: [] });
      },
    }),
  );
  return router;
}

/** What a search looks at. */
function wordsOf({ name, display_name = '', categories = [] }: Provider): string[] {
  return [name, display_name, ...categories].map((word) => word.toLowerCase());
}

// The table's `unknown_provider` is a mistake in a body; here the path names a thing that is not there.
function unknownProvider(name: string, all: readonly Provider[]): EngineError {
  const matches = closeMatches(
    name,
    all.map((provider) => provider.name),
  );
  const hint =
    matches.length === 0
      ? 'GET /providers lists them'
      : `did you mean ${matches.map((match) => `'${match}'`).join(' or ')}?`;
  return new EngineError('not_found', `Unknown provider '${name}': ${hint}`);
}
