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
  router.get(
    '/providers',
    route({
      query: z.strictObject({ search: z.string().optional() }),
      handle: async ({ query }) => {
        const wanted = query.search?.toLowerCase() ?? '';
        const found = catalogue.list().filter((provider) => namesOf(provider).some((name) => name.includes(wanted)));
        return json({ data: found });
      },
    }),
  );
  router.get(
    '/providers/:name',
    route({
      params: z.object({ name: knownName }),
      handle: async ({ params }) => {
        if (!catalogue.has(params.name)) throw unknownProvider(params.name, catalogue.list());
        return json({ data: catalogue.get(params.name) });
      },
    }),
  );
  return router;
}

function namesOf(provider: Provider): string[] {
  return [provider.name, provider.display_name ?? ''].map((name) => name.toLowerCase());
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
