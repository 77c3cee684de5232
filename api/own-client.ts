/** As which client a person signs in where the integration has none of its own. */
import type { Credentials } from '../contract/credentials.ts';
import { textOf } from '../outbound/auth/applicant.ts';
import { authGrammar } from '../outbound/auth/grammar.ts';
import { publicIdOf } from '../store/inbound-webhooks.ts';
import type { ApiDeps } from './deps.ts';
import type { SignInCall } from './sign-in.ts';

/** Where a client tells of itself, which is its id as well (OAuth Client ID Metadata Document). */
export function clientMetadataUrl(deps: ApiDeps, publicId: string, key: string): string {
  return new URL(`/oauth/client-metadata/${publicId}/${encodeURIComponent(key)}`, deps.publicUrl()).href;
}

/**
 * The client that the connection gets for itself: one registered now, or the address of our document. Empty where the
 * integration brings its own, or the provider's entry does not say how to get one.
 */
export async function ownClient(deps: ApiDeps, { applicant, session }: SignInCall): Promise<Credentials> {
  if (textOf(applicant.integration, 'client_id') !== undefined) return {};
  switch (authGrammar(applicant.provider).client_registration) {
    case 'dynamic':
      return deps.authorizer.registerClient(applicant, deps.callbackUrl());
    case 'cimd': {
      const publicId = (await publicIdOf(deps.db, session.environment.id)) ?? '';
      return { client_id: clientMetadataUrl(deps, publicId, applicant.providerConfigKey) };
    }
    default:
      return {};
  }
}
