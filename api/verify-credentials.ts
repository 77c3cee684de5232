import { z } from 'zod';
import type { Granted } from '../contract/credentials.ts';
import { EngineError } from '../contract/failures.ts';
import type { RequestConfig } from '../contract/host.ts';
import { createRedactor } from '../contract/redaction.ts';
import type { Applicant } from '../outbound/auth/applicant.ts';
import { ownWords } from '../outbound/auth/own-words.ts';
import type { Party } from '../outbound/connection.ts';
import { interpolateTree } from '../outbound/interpolate.ts';
import type { ApiDeps } from './deps.ts';

type Tree = Parameters<typeof interpolateTree>[0];

const VERIFICATION = z.object({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).catch('GET'),
  endpoints: z.array(z.string()).default([]),
  endpoint: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  data: z.json().optional(),
  base_url_override: z.string().optional(),
});

/**
 * Tries the credentials at the provider, where its entry names calls for that (`proxy.verification`); one that succeeds
 * is enough. Throws `authorization_denied` with the provider's own words when it takes them at none, `upstream_unreachable`
 * when it is away.
 */
export async function verifyCredentials(
  deps: Pick<ApiDeps, 'outbound' | 'clock'>,
  applicant: Applicant,
  granted: Granted,
): Promise<void> {
  const described = VERIFICATION.safeParse(applicant.provider.proxy?.['verification']);
  if (!described.success) return;
  const { method, headers, data, base_url_override: baseUrlOverride } = described.data;
  const endpoints = [...described.data.endpoints, described.data.endpoint].filter((one) => one !== undefined);
  if (endpoints.length === 0) return;
  const connection = {
    id: 0,
    provider: applicant.provider.name,
    providerConfigKey: applicant.providerConfigKey,
    connectionId: applicant.connectionId,
    connectionConfig: { ...applicant.connectionConfig, ...granted.connectionConfig },
    credentials: granted.credentials,
  };
  const party: Party = { connection, provider: applicant.provider, clock: deps.clock };
  const fill = (value: Tree, name: string) => interpolateTree(value, party, `proxy.verification.${name}`);
  const redactor = createRedactor();
  redactor.add(granted.credentials);
  let answered = '';
  for (const template of endpoints) {
    const config: RequestConfig = {
      endpoint: String(fill(template, 'endpoints')),
      method,
      ...(headers !== undefined && { headers: fill(headers, 'headers') as Record<string, string> }),
      ...(data !== undefined && { data: fill(data, 'data') }),
      ...(baseUrlOverride !== undefined && { baseUrlOverride }),
    };
    const answer = await deps.outbound.request(connection, config, { signal: AbortSignal.timeout(20_000) });
    if (answer.head.status < 400) return;
    const { status, headers: received } = answer.head;
    const text = Buffer.from(answer.body).toString('utf8');
    const words = ownWords(text, received['content-type'] ?? '', redactor.redact);
    answered = `${status}${words === undefined ? '' : ` (${words})`}`;
  }
  throw new EngineError(
    'authorization_denied',
    `Provider '${applicant.provider.name}' does not take these credentials: it answered ${answered} to ${method} ${endpoints.at(-1)}.`,
  );
}
