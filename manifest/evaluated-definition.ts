import { z } from 'zod';
import { ON_EVENTS } from './manifest.ts';

/** What `createSync`, `createAction` and `createOnEvent` were given, as plain JSON: zod schemas are JSON Schemas. */
const text = z.string('expected a text');
const schema = z.union([z.looseObject({}), z.boolean()], 'expected a JSON Schema');
const endpoint = z.union(
  [text, z.looseObject({ method: text.optional(), path: text, group: text.optional() })],
  "expected a text such as 'GET /tasks', or an object of method and path",
);

const CORE = {
  integration: text,
  name: text,
  /** The author's file, relative to the project's folder, and where in it the definition stands. */
  file: text,
  line: z.int().positive().optional(),
  column: z.int().positive().optional(),
  description: text.optional(),
  version: text.optional(),
  metadata: schema.optional(),
  checkpoint: schema.optional(),
};

export const SYNC = z.looseObject({
  ...CORE,
  kind: z.literal('sync'),
  frequency: text,
  models: z.record(z.string(), schema, 'expected an object of models'),
  autoStart: z.boolean('expected true or false').optional(),
  syncType: z.enum(['full', 'incremental'], "expected 'full' or 'incremental'").optional(),
  trackDeletes: z.boolean('expected true or false').optional(),
  endpoints: z.array(endpoint, 'expected a list of endpoints').optional(),
  scopes: z.array(text, 'expected a list of texts').optional(),
  webhookSubscriptions: z.array(text, 'expected a list of texts').optional(),
});

export const ACTION = z.looseObject({
  ...CORE,
  kind: z.literal('action'),
  input: schema.optional(),
  output: schema.optional(),
  endpoint: endpoint.optional(),
  scopes: z.array(text, 'expected a list of texts').optional(),
});

export const ON_EVENT = z.looseObject({
  ...CORE,
  kind: z.literal('on-event'),
  event: z.enum(ON_EVENTS, `expected one of ${ON_EVENTS.join(', ')}`),
});

export type EvaluatedSync = z.output<typeof SYNC>;
export type EvaluatedAction = z.output<typeof ACTION>;
export type EvaluatedOnEvent = z.output<typeof ON_EVENT>;
export type EvaluatedDefinition = EvaluatedSync | EvaluatedAction | EvaluatedOnEvent;

export const DEFINITION = z.discriminatedUnion(
  'kind',
  [SYNC, ACTION, ON_EVENT],
  "expected 'sync', 'action' or 'on-event'",
);
