import { ENDPOINT_METHODS, type Endpoint } from './manifest.ts';

/** An endpoint as an author writes it: `GET /tasks` in one text, or its parts. */
export type WrittenEndpoint = {
  readonly method?: string | undefined;
  readonly path: string;
  readonly group?: string | undefined;
};

/** The parts of `GET /tasks`, or of a path alone. */
export function splitEndpoint(text: string): WrittenEndpoint {
  const match = /^\s*([a-zA-Z]+)\s+(\S.*)$/.exec(text);
  return match === null ? { path: text.trim() } : { method: match[1] ?? '', path: (match[2] ?? '').trim() };
}

/**
 * Checks an endpoint. A sync is read, so it is GET only; an action is POST unless it says otherwise. A fault is worded
 * to follow `<what> '<endpoint>': `. Never throws.
 */
export function readEndpoint(written: WrittenEndpoint, kind: 'sync' | 'action'): Endpoint | { readonly fault: string } {
  const method = ENDPOINT_METHODS.find(
    (known) => known === (written.method ?? (kind === 'sync' ? 'GET' : 'POST')).toUpperCase(),
  );
  if (method === undefined) return { fault: `expected a method of ${ENDPOINT_METHODS.join(', ')} before the path` };
  if (kind === 'sync' && method !== 'GET') return { fault: "expected 'GET', since records of a sync are only read" };
  if (!/^\/[^\s{}]*(\{[^\s{}]+\}[^\s{}]*)*$/.test(written.path))
    return { fault: "expected a path such as '/tasks' or '/tasks/{Task:id}', without spaces" };
  if (written.group === undefined) return { method, path: written.path };
  if (!/^[a-zA-Z _-]{1,64}$/.test(written.group))
    return { fault: "expected a group of up to 64 letters, spaces, '-' and '_'" };
  return { method, path: written.path, group: written.group };
}

/** The text by which endpoints are compared. */
export function endpointText(endpoint: WrittenEndpoint): string {
  return endpoint.method === undefined ? endpoint.path : `${endpoint.method} ${endpoint.path}`;
}
