/** The OpenAPI document, made from the schemas that check the requests, so that the two cannot differ. Pure. */
import type { Express, RequestHandler } from 'express';
import { z } from 'zod';
import { ENDPOINTS } from './endpoints.ts';
import type { Described } from './route.ts';

type Schema = Readonly<Record<string, unknown>>;
export type Parameter = {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
};
export type Operation = {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  /** The scope a key needs. */
  readonly 'x-scope'?: string;
};
export type OpenApi = {
  readonly openapi: '3.1.0';
  readonly info: Readonly<Record<string, unknown>>;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, unknown>>;
};

export type FoundRoute = { readonly method: string; readonly path: string; readonly handler: RequestHandler };
type Layer = {
  readonly route?: {
    readonly path: string | readonly string[];
    readonly stack: readonly { readonly method?: string; readonly handle: RequestHandler }[];
  };
  readonly handle: { readonly stack?: readonly Layer[] };
};

const ANY_METHOD = ['get', 'post', 'put', 'patch', 'delete'] as const;
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The request is not valid',
  401: 'No key or session, or an unknown one',
  403: 'The key may not do this',
  404: 'Something that the request names is unknown',
  405: 'The method is not allowed here',
  406: 'Nothing the caller accepts can be answered',
  409: 'It contradicts what is there',
  410: 'It was cancelled',
  413: 'The body is too large',
  415: 'The body is of the wrong type',
  424: 'A script or a connection failed',
  429: 'Too many calls, or too many unknown keys from this address: try again after `retry-after` seconds',
  502: 'The API behind failed',
  503: 'Postgres or Temporal is out of reach: try again',
};
const EVERYWHERE = [400, 401, 403, 404, 503];
/** Where a key or a session is asked for, calls and failed tries are counted. */
const LOCKED = [429];

/** Every route of the app, in the order in which they are tried. */
export function routesOf(app: Express): FoundRoute[] {
  return layers((app as unknown as { router: { stack: readonly Layer[] } }).router.stack);
}

function layers(stack: readonly Layer[]): FoundRoute[] {
  return stack.flatMap(({ route, handle }) => {
    if (route === undefined) return handle.stack === undefined ? [] : layers(handle.stack);
    return [route.path].flat().flatMap((path) =>
      route.stack.flatMap((step) => {
        const methods = step.method === undefined ? ANY_METHOD : [step.method];
        return methods.map((method) => ({ method, path: path as string, handler: step.handle }));
      }),
    );
  });
}

/** Pages, and what only they ask. */
const OF_PAGES = /^\/(dashboard\/|sign-in$|env\/|connect\/?$)/;

export function openApiOf(app: Express, { version, url }: { readonly version: string; readonly url: string }): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routesOf(app).filter(({ path }) => !OF_PAGES.test(path))) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: operationOf(route) };
  }
  const proxied = ANY_METHOD.map((method) => [method, proxyOperation(method)] as const);
  paths['/proxy/{path}'] = Object.fromEntries(proxied);
  return {
    openapi: '3.1.0',
    info: {
      title: 'nango-temporal',
      version,
      description: 'Integrations as durable workflows.',
      license: { name: 'Apache-2.0' },
    },
    servers: [{ url }],
    paths,
    components: {
      schemas: { Error: ERROR },
      securitySchemes: {
        secretKey: { type: 'http', scheme: 'bearer', description: 'A secret key of the environment' },
        connectSession: { type: 'http', scheme: 'bearer', description: 'The token of a connect session' },
      },
    },
  };
}

const ERROR: Schema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: {
        code: { type: 'string' },
        message: { type: 'string' },
        errors: { type: 'array', items: { type: 'object' } },
        payload: {},
      },
    },
  },
};

const LOCKS = { open: [], key: [{ secretKey: [] }], session: [{ connectSession: [] }] } as const;

function operationOf({ method, path, handler }: FoundRoute): Operation {
  const name = `${method.toUpperCase()} ${path}`;
  const known = ENDPOINTS[name];
  const { endpoint } = handler as RequestHandler & Partial<Described>;
  const body = endpoint?.body === undefined ? undefined : schemaOf(endpoint.body);
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, key = '']) => key);
  const fromPath = endpoint?.params === undefined ? {} : propertiesOf(schemaOf(endpoint.params));
  const statuses = known?.status ?? [200];
  const security = endpoint?.security ?? 'open';
  const refusals = [
    ...EVERYWHERE,
    ...(security === 'open' ? [] : LOCKED),
    ...(known?.refusals ?? []),
    ...(body === undefined ? [] : [413]),
  ];
  return {
    operationId: name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '_')
      .replace(/_$/, ''),
    summary: known?.summary ?? name,
    tags: [path.split('/')[1] || 'server'],
    parameters: [
      ...inPath.map((key) => ({
        name: key,
        in: 'path' as const,
        required: true,
        schema: fromPath[key] ?? { type: 'string' },
      })),
      ...parametersOf(endpoint?.query === 'raw' ? undefined : endpoint?.query, 'query'),
      ...parametersOf(endpoint?.headers, 'header'),
    ],
    ...(body && { requestBody: { required: isRequired(body), content: { 'application/json': { schema: body } } } }),
    responses: responsesOf(statuses, refusals),
    security: LOCKS[security],
    ...(known?.scope && { 'x-scope': known.scope }),
  };
}

function proxyOperation(method: string): Operation {
  const header = (name: string, required: boolean): Parameter => ({
    name,
    in: 'header',
    required,
    schema: { type: 'string' },
  });
  return {
    operationId: `${method}_proxy`,
    summary: "Call the connection's API with its credentials; the answer is passed on as it comes",
    tags: ['proxy'],
    parameters: [
      { name: 'path', in: 'path', required: true, schema: { type: 'string' } },
      header('provider-config-key', true),
      header('connection-id', true),
      header('base-url-override', false),
      header('retries', false),
      header('retry-on', false),
      header('decompress', false),
    ],
    responses: { default: { description: "The API's own answer, or a refusal of this server" } },
    security: [{ secretKey: [] }],
    'x-scope': 'environment:proxy',
  };
}

function responsesOf(statuses: readonly number[], refusals: readonly number[]): Record<string, unknown> {
  const good = statuses.map((status) => {
    const empty = status === 204 || status === 302;
    return [
      status,
      { description: empty ? 'Done' : 'OK', ...(!empty && { content: { 'application/json': { schema: {} } } }) },
    ];
  });
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  const bad = refusals.map((status) => [status, { description: REFUSALS[status] ?? 'Refused', content }]);
  return Object.fromEntries([...good, ...bad]);
}

function parametersOf(schema: z.ZodType | undefined, place: 'query' | 'header'): Parameter[] {
  if (schema === undefined) return [];
  const json = schemaOf(schema);
  const required = Array.isArray(json['required']) ? json['required'] : [];
  return Object.entries(propertiesOf(json)).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: property,
  }));
}

/** What the caller sends, before defaults and transformations. */
function schemaOf(schema: z.ZodType): Schema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return json as Schema;
}

function propertiesOf(schema: Schema): Readonly<Record<string, Schema>> {
  return (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>;
}

function isRequired(body: Schema): boolean {
  return Array.isArray(body['required']) && body['required'].length > 0;
}
