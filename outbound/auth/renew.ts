/** How each auth mode gets a new token from what the connection has, without a person. */
import type { Granted } from '../../contract/credentials.ts';
import type { Exchange } from '../exchange.ts';
import type { Applicant } from './applicant.ts';
import { canRefresh, refreshOauth2 } from './oauth2.ts';

export type Renewal = (exchange: Exchange, applicant: Applicant, now: Date) => AsyncGenerator<Granted>;

/**
 * The renewal of the applicant's auth mode, or undefined where there is none: keys and passwords do not end, and an
 * OAuth 2 grant without a refresh token needs the person again.
 */
export function renewalOf(applicant: Pick<Applicant, 'provider' | 'credentials'>): Renewal | undefined {
  switch (applicant.provider.auth_mode) {
    case 'OAUTH2':
    case 'MCP_OAUTH2':
    case 'MCP_OAUTH2_GENERIC':
      return canRefresh(applicant) ? refreshOauth2 : undefined;
    default:
      return undefined;
  }
}
