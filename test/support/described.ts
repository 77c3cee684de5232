/** Requests made from the OpenAPI document of a running API. */
import type { OpenApi, Operation } from '../../api/openapi.ts';
import { SAMPLES } from '../api/openapi-samples.ts';
import type { ApiAnswer, TestApi } from './api.ts';

/** `GET /things/{id}` with what the document says of it. */
export type Described = {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
};

export type DescribedRequest = {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

export async function describedOf(api: TestApi): Promise<Described[]> {
  const { body } = (await api.call('GET', '/openapi.json', { key: null })) as { body: OpenApi };
  return Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

/** Those that a secret key opens; not those that pass a path on to others, which have a test of their own. */
export async function keyedOf(api: TestApi): Promise<Described[]> {
  const all = await describedOf(api);
  return all.filter(
    ({ operation, path }) => !path.startsWith('/proxy') && operation.security.some((one) => 'secretKey' in one),
  );
}

/** A request that the document calls complete, from the samples. */
export function complete({ name, operation }: Described): DescribedRequest {
  const sample = SAMPLES[name] ?? {};
  const required = (place: string) =>
    operation.parameters.filter((one) => one.in === place && one.required).map(({ name: key }) => [key, 'sample']);
  return {
    params: sample.params ?? {},
    query: { ...Object.fromEntries(required('query')), ...sample.query },
    headers: { ...Object.fromEntries(required('header')), ...sample.headers },
    ...(operation.requestBody !== undefined && { body: sample.body ?? {} }),
  };
}

/** Path and query of a request. */
export function addressOf({ path }: Described, { params = {}, query }: DescribedRequest): string {
  const where = path.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(params[name] ?? 'none'));
  const search = new URLSearchParams(query).toString();
  return `${where}${search === '' ? '' : `?${search}`}`;
}

export function sendDescribed(
  api: TestApi,
  one: Described,
  request: DescribedRequest,
  key?: string | null,
): Promise<ApiAnswer> {
  return api.call(one.method, addressOf(one, request), {
    ...(request.headers && { headers: request.headers }),
    ...(request.body !== undefined && { body: request.body }),
    ...(key !== undefined && { key }),
  });
}
