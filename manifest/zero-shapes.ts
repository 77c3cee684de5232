import { z } from 'zod';
import { ON_EVENTS } from '../contract/on-events.ts';

const text = z.string({ error: 'expected a text' });
const texts = z.array(text, { error: 'expected a list of texts' });
const endpoint = z.object({
  method: z
    .enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], { error: "expected 'GET', 'POST', 'PUT', 'PATCH' or 'DELETE'" })
    .optional(),
  path: z.string().regex(/^\/\S*$/, "expected a path that begins with '/'"),
  group: z.string().optional(),
});
const common = {
  description: text.optional(),
  version: z
    .union([text, z.number()])
    .transform(String)
    .refine((version) => /^(\d+|\d+\.\d+\.\d+([-+][\w.+-]+)?)$/.test(version), "expected a version such as '1.0.0'")
    .optional(),
  scopes: z.union([texts, text.transform((list) => list.split(',').map((scope) => scope.trim()))]).optional(),
};
/** What `createSync` is given, besides its schemas and functions. */
export const SYNC = z.looseObject({
  ...common,
  type: z.literal('sync'),
  frequency: text,
  autoStart: z.boolean({ error: 'expected true or false' }).optional(),
  syncType: z.enum(['full', 'incremental'], { error: "expected 'full' or 'incremental'" }).optional(),
  trackDeletes: z.boolean({ error: 'expected true or false' }).optional(),
  endpoints: z.array(endpoint).optional(),
  webhookSubscriptions: texts.optional(),
});
export const ACTION = z.looseObject({ ...common, type: z.literal('action'), endpoint: endpoint.optional() });
export const ON_EVENT = z.looseObject({
  ...common,
  type: z.literal('onEvent'),
  event: z.enum(ON_EVENTS, { error: `expected one of ${ON_EVENTS.join(', ')}` }),
});

export type EndpointShape = z.output<typeof endpoint>;
