import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { FailureCode } from '../contract/failures.ts';
import type { Environment } from '../store/environments.ts';
import { type Answer, send } from './answer.ts';
import { faultsOf, invalidPart } from './invalid.ts';
import type { ReadJson } from './json-body.ts';

/** Who calls: at least which environment is open to them. */
export type Caller = { readonly environment: Environment };

export type Call<Params, Query, Body, Headers, Who = Caller> = Who & {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly headers: Headers;
  /** For routes that pass bytes on; the others have all they need above. */
  readonly request: Request;
  readonly response: Response;
};

type Shape = z.ZodType;
type Nothing = z.ZodObject<Record<never, never>, z.core.$strict>;

export type RouteSpec<P extends Shape, Q extends Shape, B extends Shape, H extends Shape, Who = Caller> = {
  readonly params?: P;
  /** Absent: the route takes no query parameters. `'raw'`: it passes the query on and nobody looks at it. */
  readonly query?: Q | 'raw';
  /** Absent: a body is not read. */
  readonly body?: B;
  /** By lower-case name; other headers are let through. */
  readonly headers?: H;
  readonly handle: (call: Call<z.output<P>, z.output<Q>, z.output<B>, z.output<H>, Who>) => Promise<Answer>;
};

/** What a handler made by `route()` tells of itself, for the API's description. */
export type Described = {
  readonly endpoint: Pick<RouteSpec<Shape, Shape, Shape, Shape, never>, 'params' | 'query' | 'body' | 'headers'> & {
    readonly security: 'key' | 'session' | 'open';
  };
};

export type Route<Who = Caller> = <
  P extends Shape = Nothing,
  Q extends Shape = Nothing,
  B extends Shape = Nothing,
  H extends Shape = Nothing,
>(
  spec: RouteSpec<P, Q, B, H, Who>,
) => RequestHandler & Described;

const NO_KEYS = z.strictObject({});

/**
 * Makes the function that turns a spec into a handler: authenticates, checks each part of the request strictly, awaits
 * the handler and sends its answer. Whatever is thrown on the way goes to the failure handler.
 */
export function createRoute<Who>(deps: {
  readonly authenticate: (request: Request) => Promise<Who>;
  readonly readJson: ReadJson;
  readonly security: 'key' | 'session' | 'open';
}): Route<Who> {
  return (spec) => {
    const { params, query, body, headers } = spec;
    return Object.assign(handlerOf(deps, spec), {
      endpoint: { params, query, body, headers, security: deps.security },
    }) as RequestHandler & Described;
  };
}

function handlerOf<Who, P extends Shape, Q extends Shape, B extends Shape, H extends Shape>(
  deps: { readonly authenticate: (request: Request) => Promise<Who>; readonly readJson: ReadJson },
  spec: RouteSpec<P, Q, B, H, Who>,
): RequestHandler {
  return async (request, response) => {
    const who = await deps.authenticate(request);
    const headers = check(spec.headers, request.headers, 'invalid_headers', 'headers');
    const params = check(spec.params, request.params, 'invalid_uri_params', 'path');
    const query =
      spec.query === 'raw' ? {} : check(spec.query ?? NO_KEYS, request.query, 'invalid_query_params', 'query');
    const body = spec.body && check(spec.body, await deps.readJson(request, response), 'invalid_body', 'body');
    // The compiler cannot see that an absent schema goes with its default type, an empty object.
    const call = { ...who, headers, params, query, body, request, response } as Parameters<typeof spec.handle>[0];
    await send(response, await spec.handle(call));
  };
}

function check(schema: Shape | undefined, value: unknown, code: FailureCode, part: string): unknown {
  if (schema === undefined) return {};
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalidPart(code, part, faultsOf(parsed.error));
}
