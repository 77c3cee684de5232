/** Tokens that are made here, without asking anybody: signed JWTs and WSSE user name tokens. */
import { createHash, createPrivateKey, randomBytes } from 'node:crypto';
import { importPKCS8, type JWTPayload, SignJWT } from 'jose';
import type { Granted } from '../../contract/credentials.ts';
import { EngineError } from '../../contract/failures.ts';
import type { Exchange } from '../exchange.ts';
import { type Applicant, filled, filledAll, granted, nameApplicant, textOf } from './applicant.ts';
import { authGrammar } from './grammar.ts';

const JWT_LIFE_MS = 10 * 60_000;
const WSSE_LIFE_MS = 5 * 60_000;

/** A JWT as the provider's entry describes it: `token.header`, `token.payload`, `token.signing_key`, `token.expires_in_ms`. */
export async function* signJwt(_: Exchange, applicant: Applicant, now: Date): AsyncGenerator<Granted> {
  const { token: described, signature, token_expiration_buffer: bufferSeconds } = authGrammar(applicant.provider);
  const expiresAt = new Date(now.getTime() + (described?.expires_in_ms ?? JWT_LIFE_MS));
  if (described?.signing_key === undefined) {
    throw new EngineError(
      'configuration_invalid',
      `Provider '${applicant.provider.name}' has no token.signing_key in its entry.`,
    );
  }
  const key = filled(applicant, described.signing_key, 'token.signing_key');
  const header = filledAll(applicant, described?.header ?? {}, 'token.header');
  const token = await signedJwt(applicant, {
    key,
    encoding: signature?.hmac_secret_encoding,
    header: { alg: 'HS256', typ: 'JWT', ...header },
    payload: filledPayload(applicant, described?.payload ?? {}) as JWTPayload,
    now,
    expiresAt,
  });
  const kept = { ...applicant.credentials, type: 'JWT', token, expires_at: expiresAt.toISOString() };
  yield granted(kept, { expiresAt, now, bufferSeconds });
}

/** Signs a JWT. Throws `grant_refused` when the key does not fit the algorithm; the key is never part of the message. */
export async function signedJwt(
  applicant: Applicant,
  made: {
    readonly key: string;
    /** How a secret of an HMAC is written: `hex` or `utf8`. @default hex where it can only be that */
    readonly encoding?: string | undefined;
    readonly header: Readonly<Record<string, string>>;
    readonly payload: JWTPayload;
    readonly now: Date;
    readonly expiresAt: Date;
  },
): Promise<string> {
  const { key, encoding, header, payload, now, expiresAt } = made;
  const alg = header['alg'] ?? 'RS256';
  try {
    return await new SignJWT({
      iat: Math.floor(now.getTime() / 1_000),
      exp: Math.floor(expiresAt.getTime() / 1_000),
      ...payload,
    })
      .setProtectedHeader({ ...header, alg })
      .sign(await signingKey(key, alg, encoding));
  } catch {
    throw new EngineError(
      'grant_refused',
      `The JWT of ${nameApplicant(applicant)} cannot be signed: the private key does not fit ${alg}. Expected a PEM text (PKCS #8 or PKCS #1).`,
    );
  }
}

async function signingKey(key: string, alg: string, encoding: string | undefined) {
  if (!alg.startsWith('HS')) return importPKCS8(pkcs8(key), alg);
  if (encoding !== undefined) return secretBytes(key, encoding);
  // Some vendors hand their secret out as `id:hex`, the hex being the key's bytes (Ghost).
  return /^(?:[0-9a-f]{2}){16,}$/i.test(key) ? Buffer.from(key, 'hex') : new TextEncoder().encode(key);
}

function secretBytes(key: string, encoding: string): Uint8Array {
  if (encoding === 'utf8') return new TextEncoder().encode(key);
  // A text that is no hexadecimal would silently become a shorter key.
  if (encoding === 'hex' && /^(?:[0-9a-f]{2})+$/i.test(key)) return Buffer.from(key, 'hex');
  throw new Error(`The secret is not written as '${encoding}'`);
}

/** GitHub hands out PKCS #1, and forms turn line breaks into `\n`. */
function pkcs8(key: string): string {
  const text = key.replaceAll('\\n', '\n').trim();
  if (!text.includes('BEGIN RSA PRIVATE KEY') && !text.includes('BEGIN EC PRIVATE KEY')) return text;
  return createPrivateKey(text).export({ type: 'pkcs8', format: 'pem' }).toString();
}

function filledPayload(applicant: Applicant, value: unknown, path = 'token.payload'): unknown {
  if (typeof value === 'string') return filled(applicant, value, path);
  if (Array.isArray(value)) return value.map((item, index) => filledPayload(applicant, item, `${path}.${index}`));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, filledPayload(applicant, item, `${path}.${name}`)]),
  );
}

/** The value of an `X-WSSE` header (WS-Security user name token): good for some minutes, then made anew. */
export async function* signWsse(_: Exchange, applicant: Applicant, now: Date): AsyncGenerator<Granted> {
  const { signature, token: described, token_expiration_buffer: bufferSeconds } = authGrammar(applicant.provider);
  if (signature?.protocol !== 'WSSE') {
    throw new EngineError(
      'configuration_invalid',
      `Provider '${applicant.provider.name}' has signature.protocol '${signature?.protocol}': expected WSSE.`,
    );
  }
  const username = textOf(applicant.credentials, 'username') ?? '';
  const password = textOf(applicant.credentials, 'password') ?? '';
  const nonce = randomBytes(16).toString('hex');
  const created = `${now.toISOString().slice(0, 19)}Z`;
  const digest = Buffer.from(
    createHash('sha1')
      .update(nonce + created + password)
      .digest('hex'),
  ).toString('base64');
  const token = `UsernameToken Username="${username}", PasswordDigest="${digest}", Nonce="${nonce}", Created="${created}"`;
  const expiresAt = new Date(now.getTime() + (described?.expires_in_ms ?? WSSE_LIFE_MS));
  yield granted(
    { ...applicant.credentials, type: 'SIGNATURE', token, expires_at: expiresAt.toISOString() },
    { expiresAt, now, bufferSeconds },
  );
}
