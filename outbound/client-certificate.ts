/** The certificate that a client shows in the TLS handshake, where a provider wants calls and token requests under one. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Credentials } from '../contract/credentials.ts';
import { EngineError } from '../contract/failures.ts';
import type { Provider } from './provider.ts';

/** PEM texts; the certificate may have those of its issuers behind it. */
export type ClientCertificate = { readonly certificate: string; readonly key: string };

/** How the credentials of a connection name them. */
export const CERTIFICATE_FIELD = 'client_certificate';
export const KEY_FIELD = 'client_private_key';

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g;

/**
 * What a call for the connection shows; undefined where its provider wants none. Throws `upstream_refused` when the
 * credentials have none; neither text is ever part of a message.
 */
export function certificateOf(
  provider: Pick<Provider, 'name' | 'require_client_certificate'>,
  credentials: Credentials,
): ClientCertificate | undefined {
  if (provider.require_client_certificate !== true) return undefined;
  const certificate = credentials[CERTIFICATE_FIELD];
  const key = credentials[KEY_FIELD];
  if (typeof certificate === 'string' && typeof key === 'string')
    return { certificate: inLines(certificate), key: inLines(key) };
  throw new EngineError(
    'upstream_refused',
    `Provider '${provider.name}' wants calls under a TLS certificate of the client: create the connection again with ${CERTIFICATE_FIELD} and ${KEY_FIELD}.`,
  );
}

/** What is wrong with the two, by field; empty for a pair that can be shown. */
export function certificateFaults(given: Credentials): { readonly field: string; readonly message: string }[] {
  const certificate = opened(given[CERTIFICATE_FIELD], (pem) => new X509Certificate(pem));
  const key = opened(given[KEY_FIELD], createPrivateKey);
  const faults = [
    ...(certificate === undefined ? [{ field: CERTIFICATE_FIELD, message: 'expected a certificate as PEM text' }] : []),
    ...(key === undefined
      ? [{ field: KEY_FIELD, message: 'expected a private key as PEM text, without a passphrase' }]
      : []),
  ];
  if (certificate === undefined || key === undefined || certificate.checkPrivateKey(key)) return faults;
  return [{ field: KEY_FIELD, message: `expected the private key of the ${CERTIFICATE_FIELD}` }];
}

function opened<T>(text: unknown, open: (pem: string) => T): T | undefined {
  try {
    return typeof text === 'string' ? open(inLines(text)) : undefined;
  } catch {
    return undefined;
  }
}

/** Forms and shells turn the line breaks of a PEM text into blanks or `\n`. */
function inLines(text: string): string {
  return text.replaceAll('\\n', '\n').replaceAll(PEM_BLOCK, (_, label: string, content: string) => {
    const lines = content.replaceAll(/\s/g, '').match(/.{1,64}/g) ?? [];
    return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
  });
}
