import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { EngineError } from '../contract/failures.ts';

/** Seals secrets for the database: `v1:<key id>:<base64 of iv, tag, ciphertext>` by AES-256-GCM. */
export type SecretBox = {
  readonly seal: (text: string) => string;
  /** @throws EngineError `configuration_invalid` for another key's envelope, `internal` for a damaged one. */
  readonly open: (envelope: string) => string;
  /** Seals bytes under a name; under another name, or when one bit was changed, they do not open. */
  readonly sealBytes: (bytes: Uint8Array, name: string) => Buffer;
  readonly openBytes: (sealed: Buffer, name: string) => Buffer;
};

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** @param key base64 of 32 bytes (`NANGO_ENCRYPTION_KEY`). */
export function createSecretBox(key: string): SecretBox {
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length !== 32) {
    throw new EngineError(
      'configuration_invalid',
      `NANGO_ENCRYPTION_KEY has ${bytes.length} bytes: 32 bytes in base64 are expected. Make one with: openssl rand -base64 32`,
    );
  }
  const keyId = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  return {
    seal: (text) => `v1:${keyId}:${encrypt(Buffer.from(text), bytes, '').toString('base64')}`,
    open: (envelope) => openEnvelope(envelope, keyId, bytes),
    sealBytes: (plain, name) => encrypt(plain, bytes, name),
    openBytes: (sealed, name) => decrypt(sealed, bytes, name),
  };
}

function openEnvelope(envelope: string, keyId: string, key: Buffer): string {
  const [version, sealedBy, text = ''] = envelope.split(':');
  if (version !== 'v1') throw new EngineError('internal', 'A stored secret has an unknown envelope');
  if (sealedBy !== keyId) {
    throw new EngineError(
      'configuration_invalid',
      `A stored secret was sealed with key '${sealedBy}', NANGO_ENCRYPTION_KEY is key '${keyId}': set the key that was used before`,
    );
  }
  try {
    return decrypt(Buffer.from(text, 'base64'), key, '').toString('utf8');
  } catch (cause) {
    throw new EngineError('internal', 'A stored secret is damaged', { cause });
  }
}

function encrypt(plain: Uint8Array, key: Buffer, name: string): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(name));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
}

function decrypt(bytes: Buffer, key: Buffer, name: string): Buffer {
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), options);
  decipher.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
}
