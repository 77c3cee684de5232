import { Readable } from 'node:stream';
import type { CredentialVault } from '../../contract/credentials.ts';
import { EngineError } from '../../contract/failures.ts';
import type { Party } from '../connection.ts';
import type { ExchangeRequest } from '../exchange.ts';
import type { Applicant } from './applicant.ts';
import { awsHeaders } from './aws.ts';
import { oauth1Header } from './oauth1.ts';

/** Signs a call as the auth mode of its provider asks; most modes ask for nothing. */
export type SignRequest = (party: Party, request: ExchangeRequest) => Promise<ExchangeRequest>;

export function signsRequests({ provider }: Pick<Party, 'provider'>): boolean {
  return provider.auth_mode === 'OAUTH1' || provider.auth_mode === 'TBA' || provider.auth_mode === 'AWS_SIGV4';
}

/**
 * Makes the signer. The client's own secret is part of OAuth 1 signatures, so the integration is read for each call.
 * A call that brings its own Authorization is not signed.
 */
export function createSigner(deps: { readonly vault: CredentialVault; readonly clock: () => Date }): SignRequest {
  return async (party, request) => {
    if (!signsRequests(party) || request.headers['authorization'] !== undefined) return request;
    const state = await deps.vault.read(party.connection.id);
    const applicant: Applicant = {
      ...party.connection,
      provider: party.provider,
      integration: state?.integration ?? {},
    };
    const { method, url, headers } = request;
    const body = bodyInMemory(request);
    if (party.provider.auth_mode === 'AWS_SIGV4') {
      const call = { method, url, headers, body: body && new Uint8Array(body) };
      return { ...request, headers: { ...headers, ...(await awsHeaders(applicant, call, deps.clock())) } };
    }
    const isForm = headers['content-type']?.toLowerCase().startsWith('application/x-www-form-urlencoded') ?? false;
    const form = isForm && body !== undefined ? Buffer.from(body).toString() : undefined;
    return { ...request, headers: { ...headers, authorization: oauth1Header(applicant, { method, url, form }) } };
  };
}

function bodyInMemory({ body, url }: ExchangeRequest): Uint8Array | undefined {
  if (!(body instanceof Readable)) return body;
  throw new EngineError(
    'payload_too_large',
    `The body of a call to '${url.host}' is longer than 1 MiB: calls that are signed as a whole cannot be streamed.`,
  );
}
