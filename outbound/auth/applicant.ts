import type { Credentials, Granted } from '../../contract/credentials.ts';
import type { Party } from '../connection.ts';
import { interpolate } from '../interpolate.ts';
import type { Provider } from '../provider.ts';

/** Who asks a provider for a token: a connection, also one that is only about to be made. */
export type Applicant = {
  readonly provider: Provider;
  readonly connectionId: string;
  readonly providerConfigKey: string;
  readonly connectionConfig: Readonly<Record<string, unknown>>;
  readonly credentials: Credentials;
  /** The integration's own: client id, secret, scopes. */
  readonly integration: Credentials;
};

/** Fills a template of the provider's entry; the integration's client id and secret stand beside the credentials. */
export function filled(applicant: Applicant, template: string, key: string): string {
  return interpolate(template, partyOf(applicant), key);
}

export function filledAll(
  applicant: Applicant,
  templates: Readonly<Record<string, unknown>>,
  key: string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(templates).map(([name, template]) => [name, filled(applicant, String(template), `${key}.${name}`)]),
  );
}

/** A text of the integration's or the connection's credentials, undefined when it is missing or empty. */
export function textOf(credentials: Credentials, name: string): string | undefined {
  const value = Object.hasOwn(credentials, name) ? credentials[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** How messages name the applicant. */
export function nameApplicant({ connectionId, providerConfigKey }: Applicant): string {
  return `connection '${connectionId}' of integration '${providerConfigKey}'`;
}

function partyOf(applicant: Applicant): Party {
  const { provider, connectionId, providerConfigKey, connectionConfig, integration, credentials } = applicant;
  return {
    provider,
    connection: {
      id: 0,
      provider: provider.name,
      connectionId,
      providerConfigKey,
      connectionConfig,
      credentials: { ...integration, ...credentials },
    },
  };
}

/** The share of a token's life after which it is replaced, when the usual margin would be longer than what is left. */
const LATEST_SHARE = 0.2;
const USUAL_MARGIN_MS = 5 * 60_000;

/**
 * When a token that ends at `expiresAt` is replaced: a margin before, which is five minutes or the provider's own
 * `token_expiration_buffer`, and never more than a fifth of the token's life.
 */
export function refreshTime(expiresAt: Date, now: Date, bufferSeconds: number | undefined): Date {
  const lifeMs = Math.max(0, expiresAt.getTime() - now.getTime());
  const marginMs = bufferSeconds === undefined ? USUAL_MARGIN_MS : bufferSeconds * 1_000;
  return new Date(expiresAt.getTime() - Math.min(marginMs, lifeMs * LATEST_SHARE));
}

/** Credentials with their end, ready to be kept. */
export function granted(
  credentials: Credentials,
  end: { readonly expiresAt: Date | null; readonly now: Date; readonly bufferSeconds: number | undefined },
  connectionConfig?: Readonly<Record<string, unknown>>,
): Granted {
  const { expiresAt, now, bufferSeconds } = end;
  return {
    credentials,
    expiresAt,
    refreshAt: expiresAt === null ? null : refreshTime(expiresAt, now, bufferSeconds),
    ...(connectionConfig !== undefined && { connectionConfig }),
  };
}
