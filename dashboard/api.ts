/** Calls to the server that served this page. The session's cookie goes along; the environment is named by a header. */

export type Fault = { readonly message: string; readonly path: readonly (string | number)[] };

/** What the server said no with, in its own words. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly faults: readonly Fault[];
  constructor(status: number, said: { code?: string; message?: string; errors?: readonly Fault[] }) {
    super(said.message ?? `The server answered ${status}.`);
    this.status = status;
    this.code = said.code ?? 'unknown';
    this.faults = said.errors ?? [];
  }
}

export type Ask = <T>(
  method: string,
  path: string,
  call?: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> },
) => Promise<T>;

/** @throws Refusal with the server's own message; `offline` when no server answered. */
export function askAs(environment: string | undefined): Ask {
  return async (method, path, call = {}) => {
    const headers = new Headers(call.headers);
    if (environment !== undefined) headers.set('x-nango-environment', encodeURIComponent(environment));
    if (call.body !== undefined) headers.set('content-type', 'application/json');
    const response = await fetch(path, {
      method,
      headers,
      ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
    }).catch(() => undefined);
    if (response === undefined)
      throw new Refusal(0, { code: 'offline', message: 'The server does not answer; this is tried again by itself.' });
    const text = await response.text();
    const value: unknown = text === '' ? undefined : parsed(text);
    if (response.ok) return value as never;
    throw new Refusal(response.status, (value as { error?: object } | undefined)?.error ?? {});
  };
}

/** `?a=1&b=2` of what is defined; an empty text for nothing. */
export function search(values: Readonly<Record<string, string | number | undefined | null>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)] as [string, string]))}`;
}

/** Headers that name a connection. They are bytes: other characters than those of the id's grammar never occur. */
export function connectionHeaders(at: { readonly integration: string; readonly connection: string }) {
  return { 'provider-config-key': at.integration, 'connection-id': at.connection };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
