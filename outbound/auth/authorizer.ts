/**
 * Getting and keeping credentials: the way of a person to a provider and back, tokens that need no person, and renewing
 * both. It has a pool of HTTP connections of its own, under the same address policy as every other call.
 */
import type { Credentials, CredentialVault, Granted } from '../../contract/credentials.ts';
import type { OperationSink } from '../../contract/operation.ts';
import type { Catalogue } from '../catalogue.ts';
import { createExchange } from '../exchange.ts';
import type { Applicant } from './applicant.ts';
import { type Discovered, discover } from './discovery.ts';
import { createKeeper, type Keeper, type RefreshElsewhere } from './keeper.ts';
import { exchangeVerifier, requestTokenUrl } from './oauth1.ts';
import { exchangeCode } from './oauth2.ts';
import { registerClient } from './registration.ts';
import { renewalOf } from './renew.ts';
import { createSigner, type SignRequest } from './sign-request.ts';

export type Authorizer = {
  readonly keeper: Keeper;
  /** Signs calls of the modes that want it. */
  readonly sign: SignRequest;
  /** Where a person signs in by OAuth 1, and what to remember until they are back. Throws as `exchangeCode`. */
  readonly requestTokenUrl: (
    applicant: Applicant,
    callbackUrl: string,
  ) => Promise<{ readonly url: URL; readonly state: string; readonly secret: string }>;
  readonly exchangeVerifier: (
    applicant: Applicant,
    given: { readonly token: { readonly key: string; readonly secret: string }; readonly verifier: string },
  ) => Promise<Granted>;
  /** The credentials for an OAuth 2 code. Throws `grant_refused`, `client_refused` or `token_endpoint_failed`. */
  readonly exchangeCode: (
    applicant: Applicant,
    given: { readonly code: string; readonly redirectUri: string; readonly verifier: string | undefined },
  ) => Promise<Granted>;
  /** A client of the provider's own making, for the integration that has none. Throws as `exchangeCode`. */
  readonly registerClient: (applicant: Applicant, redirectUri: string) => Promise<Credentials>;
  /** Where the server of a connection signs people in. Throws as `exchangeCode`. */
  readonly discover: (applicant: Applicant) => Promise<Discovered>;
  /** A first token for credentials of a mode that needs no person; undefined where the mode has none. Throws as above. */
  readonly firstToken: (applicant: Applicant) => Promise<Granted | undefined>;
  /** Waits for refreshes under way and closes the pooled connections. */
  readonly close: () => Promise<void>;
};

const CONNECT_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 30_000;

export function createAuthorizer(options: {
  readonly vault: CredentialVault;
  /** Where refreshes are made. @default here, in this process */
  readonly elsewhere?: RefreshElsewhere;
  readonly catalogue: Catalogue;
  readonly allow: readonly string[];
  readonly clock: () => Date;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Hears of refreshes made here. @default nobody does */
  readonly operations?: OperationSink;
}): Authorizer {
  const { clock } = options;
  const exchange = createExchange({
    allow: options.allow,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
  });
  const keeper = createKeeper({ ...options, exchange });
  return {
    keeper,
    sign: createSigner(options),
    requestTokenUrl: (applicant, callbackUrl) => requestTokenUrl(exchange, applicant, callbackUrl),
    exchangeVerifier: (applicant, given) => exchangeVerifier(exchange, applicant, { ...given, now: clock() }),
    exchangeCode: (applicant, given) => exchangeCode(exchange, applicant, { ...given, now: clock() }),
    registerClient: (applicant, redirectUri) => registerClient(exchange, applicant, redirectUri),
    discover: (applicant) => discover(exchange, applicant),
    firstToken: async (applicant) => {
      let granted: Granted | undefined;
      const renewal = renewalOf(applicant);
      if (renewal !== undefined) for await (const next of renewal(exchange, applicant, clock())) granted = next;
      return granted;
    },
    close: async () => {
      await keeper.close();
      exchange.close();
    },
  };
}
