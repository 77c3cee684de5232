import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import {
  deleteEnvironmentVariable,
  environmentVariables,
  putEnvironmentVariables,
} from '../../store/environment-variables.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import type { Route } from '../route.ts';
import { freeText } from '../schemas.ts';

const NAME = z
  .string({ error: 'expected a name' })
  .max(255)
  .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, "expected letters, digits and '_', not beginning with a digit");
const VARIABLES = z.strictObject({
  variables: z.array(z.strictObject({ name: NAME, value: freeText.max(65_536) })).max(1_000),
});

/** Values that scripts and applications read by name, kept sealed. */
export function environmentVariableRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/environment-variables',
    route({
      handle: async ({ environment }) => json(await environmentVariables(deps.db, deps.box, environment.id)),
    }),
  );
  router.patch(
    '/environment-variables',
    route({
      body: VARIABLES,
      handle: async ({ environment, body }) => {
        // The last of two with one name counts, as in a file.
        const variables = [...new Map(body.variables.map((one) => [one.name, one])).values()];
        await putEnvironmentVariables(deps.db, { box: deps.box, at: deps.clock() }, environment.id, variables);
        return json(await environmentVariables(deps.db, deps.box, environment.id));
      },
    }),
  );
  router.delete(
    '/environment-variables/:name',
    route({
      params: z.object({ name: NAME }),
      handle: async ({ environment, params }) => {
        if (await deleteEnvironmentVariable(deps.db, environment.id, params.name)) return json({ success: true });
        const next = 'GET /environment-variables lists them';
        throw new EngineError(
          'not_found',
          `Environment '${environment.name}' has no variable '${params.name}': ${next}.`,
        );
      },
    }),
  );
  return router;
}
