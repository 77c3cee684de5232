import { Router } from 'express';
import { z } from 'zod';
import { addAuditEntry } from '../../store/audit-log.ts';
import { withTransaction } from '../../store/db.ts';
import { listVariables, replaceVariables } from '../../store/environment-variables.ts';
import { actorOf } from '../actor.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import type { Route } from '../route.ts';
import { freeText } from '../schemas.ts';

const NAME = z
  .string({ error: 'expected a name' })
  .max(255)
  .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, "expected letters, digits and '_', not beginning with a digit");
const VARIABLES = z.strictObject({
  variables: z
    .array(z.strictObject({ name: NAME, value: freeText.max(65_536) }))
    .max(1_000)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'expected each name once'),
});

/** What `nango.getEnvironmentVariables` answers in scripts; PUT says all there are. */
export function environmentVariableRoutes({ db, box, clock }: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/environment-variables',
    route({
      handle: async ({ environment }) => {
        const variables = await listVariables(db, environment.id);
        return json(variables.map(({ name, sealedValue }) => ({ name, value: box.open(sealedValue) })));
      },
    }),
  );
  router.put(
    '/environment-variables',
    route({
      body: VARIABLES,
      handle: async ({ environment, body, request }) => {
        const sealed = body.variables.map(({ name, value }) => ({ name, sealedValue: box.seal(value) }));
        await withTransaction(db, async (transaction) => {
          await replaceVariables(transaction, environment.id, sealed);
          await addAuditEntry(transaction, {
            ...{ environmentId: environment.id, actor: actorOf(request), at: clock() },
            ...{ action: 'environment_variables.replaced', subject: environment.name },
            detail: { names: sealed.map(({ name }) => name) },
          });
        });
        return json({ success: true });
      },
    }),
  );
  return router;
}
