/** AWS Signature Version 4: signing calls, and the temporary keys of a role. */
import { AwsV4Signer } from 'aws4fetch';
import type { Granted } from '../../contract/credentials.ts';
import { EngineError } from '../../contract/failures.ts';
import type { Exchange } from '../exchange.ts';
import { type Applicant, granted, nameApplicant, textOf } from './applicant.ts';
import { authGrammar } from './grammar.ts';
import { askTokenEndpoint } from './token-endpoint.ts';
import { readMoment, valueAt } from './token-response.ts';

const STS = 'https://sts.amazonaws.com/';
const HOUR_MS = 3_600_000;

type Keys = { readonly id: string; readonly secret: string; readonly session: string | undefined };
type Call = {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
};

/** The headers of a signed call. Region and service come from the credentials or the connection_config, else from the host. */
export async function awsHeaders(applicant: Applicant, call: Call, now: Date): Promise<Record<string, string>> {
  const { credentials, connectionConfig } = applicant;
  const place = (name: string) => textOf(connectionConfig, name) ?? textOf(credentials, name);
  return sign(keysOf(applicant), { region: place('region'), service: place('service') }, call, now);
}

/** Temporary keys of `role_arn`, asked for with the integration's own keys. */
export async function* assumeRole(exchange: Exchange, applicant: Applicant, now: Date): AsyncGenerator<Granted> {
  const { credentials, integration, provider } = applicant;
  const own = { id: textOf(integration, 'aws_access_key_id'), secret: textOf(integration, 'aws_secret_access_key') };
  if (own.id === undefined || own.secret === undefined) {
    throw new EngineError(
      'integration_incomplete',
      `Integration '${applicant.providerConfigKey}' lacks aws_access_key_id or aws_secret_access_key, which assume the role.`,
    );
  }
  const url = new URL(typeof provider.token_url === 'string' ? provider.token_url : STS);
  const externalId = textOf(credentials, 'external_id');
  const text = new URLSearchParams({
    Action: 'AssumeRole',
    Version: '2011-06-15',
    RoleArn: textOf(credentials, 'role_arn') ?? '',
    RoleSessionName: `nango-${applicant.connectionId}`.replaceAll(/[^\w+=,.@-]/g, '-').slice(0, 64),
    ...(externalId !== undefined && { ExternalId: externalId }),
  }).toString();
  const contentType = 'application/x-www-form-urlencoded';
  const body = new TextEncoder().encode(text);
  const call: Call = { method: 'POST', url, headers: { 'content-type': contentType }, body };
  const keys = { id: own.id, secret: own.secret, session: undefined };
  const headers = await sign(keys, { region: 'us-east-1', service: 'sts' }, call, now);
  const answer = await askTokenEndpoint(exchange, { url: url.href, headers, body: { text, contentType } });
  const found = valueAt(answer, ['AssumeRoleResponse', 'AssumeRoleResult', 'Credentials']);
  const [id, secret, session] = ['AccessKeyId', 'SecretAccessKey', 'SessionToken'].map((name) =>
    valueAt(found, [name]),
  );
  if (typeof id !== 'string' || typeof secret !== 'string') {
    throw new EngineError('token_endpoint_failed', `AWS answered without keys for ${nameApplicant(applicant)}.`);
  }
  const expiresAt = readMoment(valueAt(found, ['Expiration'])) ?? new Date(now.getTime() + HOUR_MS);
  const kept = {
    ...credentials,
    type: 'AWS_SIGV4',
    access_key_id: id,
    secret_access_key: secret,
    session_token: session,
    expires_at: expiresAt.toISOString(),
  };
  yield granted(kept, { expiresAt, now, bufferSeconds: authGrammar(provider).token_expiration_buffer });
}

async function sign(
  keys: Keys,
  { region, service }: { readonly region: string | undefined; readonly service: string | undefined },
  { method, url, headers, body }: Call,
  now: Date,
): Promise<Record<string, string>> {
  const signer = new AwsV4Signer({
    method,
    url: url.href,
    headers,
    ...(body !== undefined && { body }),
    accessKeyId: keys.id,
    secretAccessKey: keys.secret,
    ...(keys.session !== undefined && { sessionToken: keys.session }),
    ...(region !== undefined && { region }),
    ...(service !== undefined && { service }),
    datetime: now.toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
  });
  const signed = await signer.sign();
  const { host: _, ...added } = Object.fromEntries(signed.headers);
  return added;
}

function keysOf(applicant: Applicant): Keys {
  const id = textOf(applicant.credentials, 'access_key_id');
  const secret = textOf(applicant.credentials, 'secret_access_key');
  if (id !== undefined && secret !== undefined)
    return { id, secret, session: textOf(applicant.credentials, 'session_token') };
  throw new EngineError(
    'upstream_refused',
    `${nameApplicant(applicant)} has no access_key_id and secret_access_key: create it again with them.`,
  );
}
