/** How each auth mode gets a new token from what the connection has, without a person. */
import type { Granted } from '../../contract/credentials.ts';
import type { Exchange } from '../exchange.ts';
import { requestAppAndUser, requestInstallationToken } from './app.ts';
import type { Applicant } from './applicant.ts';
import { requestClientToken } from './client-credentials.ts';
import { assumeRole } from './aws.ts';
import { openBillSession } from './bill.ts';
import { canRefresh, refreshOauth2 } from './oauth2.ts';
import { signJwt, signWsse } from './signed-token.ts';
import { requestTwoStepToken } from './two-step.ts';

export type Renewal = (exchange: Exchange, applicant: Applicant, now: Date) => AsyncGenerator<Granted>;

/**
 * The renewal of the applicant's auth mode, or undefined where there is none: keys and passwords do not end, and an
 * OAuth 2 grant without a refresh token needs the person again.
 */
export function renewalOf(applicant: Pick<Applicant, 'provider' | 'credentials'>): Renewal | undefined {
  const mode = applicant.provider.auth_mode;
  switch (mode) {
    case 'OAUTH2':
    case 'MCP_OAUTH2':
    case 'MCP_OAUTH2_GENERIC':
      return canRefresh(applicant) ? refreshOauth2 : undefined;
    case 'OAUTH2_CC':
      // A token that was imported without the client that gets another one is used as it stands.
      return 'client_id' in applicant.credentials ? requestClientToken : undefined;
    case 'APP':
      return requestInstallationToken;
    case 'CUSTOM':
      return requestAppAndUser;
    case 'JWT':
      return signJwt;
    case 'SIGNATURE':
      return signWsse;
    case 'TWO_STEP':
      return requestTwoStepToken;
    case 'BILL':
      return openBillSession;
    case 'AWS_SIGV4':
      return 'role_arn' in applicant.credentials ? assumeRole : undefined;
    case 'API_KEY':
    case 'BASIC':
    case 'NONE':
    case 'OAUTH1':
    case 'TBA':
    case 'INSTALL_PLUGIN':
      return undefined;
    default:
      return mode satisfies never;
  }
}
