import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { EngineError } from '../contract/failures.ts';

/** Seals secrets for the database: `v1:<key id>:<base64 of iv, tag, ciphertext>` by AES-256-GCM. */
export type SecretBox = {
  readonly seal: (text: string) => string;
  /** @throws EngineError `configuration_invalid` for another key's envelope, `internal` for a damaged one. */
  readonly open: (envelope: string) => string;
  /** Seals bytes under a name; under another name, or when one bit was changed, they do not open. */
  readonly sealBytes: (bytes: Uint8Array, name: string) => Buffer;
  readonly openBytes: (sealed: Buffer, name: string) => Buffer;
  /** Names the key that everything is sealed with; part of each envelope. */
  readonly keyId: string;
  /** Names of all keys that it has. */
  readonly keyIds: readonly string[];
  /** A keyed hash in hex: the same for the same text, and nothing can be learnt of the text from it without the key. */
  readonly digest: (text: string) => string;
  /** Whether those bytes are sealed with that key already. Throws as `openBytes`. */
  readonly isSealedAnew: (sealed: Buffer, name: string) => boolean;
};

const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * @param key base64 of 32 bytes (`NANGO_ENCRYPTION_KEY`), which everything is sealed with.
 * @param previous keys that only open what was sealed with them (`NANGO_ENCRYPTION_KEY_PREVIOUS`), until all is sealed anew.
 */
export function createSecretBox(key: string, previous: readonly string[] = []): SecretBox {
  const current = readKey(key, 'NANGO_ENCRYPTION_KEY');
  const keys = [current, ...previous.map((one) => readKey(one, 'NANGO_ENCRYPTION_KEY_PREVIOUS'))];
  return {
    keyId: current.id,
    keyIds: keys.map(({ id }) => id),
    digest: (text) => createHmac('sha256', current.bytes).update(text).digest('hex'),
    seal: (text) => `v1:${current.id}:${encrypt(Buffer.from(text), current.bytes, '').toString('base64')}`,
    open: (envelope) => openEnvelope(envelope, keys),
    sealBytes: (plain, name) => encrypt(plain, current.bytes, name),
    openBytes: (sealed, name) => openWithAny(sealed, name, keys).plain,
    isSealedAnew: (sealed, name) => openWithAny(sealed, name, keys).key === current,
  };
}

type Key = { readonly id: string; readonly bytes: Buffer };

function readKey(text: string, setting: string): Key {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 32) {
    throw new EngineError(
      'configuration_invalid',
      `${setting} has ${bytes.length} bytes: 32 bytes in base64 are expected. Make one with: openssl rand -base64 32`,
    );
  }
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 8), bytes };
}

function openEnvelope(envelope: string, keys: readonly Key[]): string {
  const [version, sealedBy, text = ''] = envelope.split(':');
  if (version !== 'v1') throw new EngineError('internal', 'A stored secret has an unknown envelope');
  const key = keys.find((one) => one.id === sealedBy);
  if (key === undefined) {
    throw new EngineError(
      'configuration_invalid',
      `A stored secret was sealed with key '${sealedBy}', NANGO_ENCRYPTION_KEY is key '${keys[0]?.id}': set the key that was used before, or name it in NANGO_ENCRYPTION_KEY_PREVIOUS`,
    );
  }
  try {
    return decrypt(Buffer.from(text, 'base64'), key.bytes, '').toString('utf8');
  } catch (cause) {
    throw new EngineError('internal', 'A stored secret is damaged', { cause });
  }
}

// Bytes carry no key id: whether a key is the right one is what the seal itself tells.
function openWithAny(sealed: Buffer, name: string, keys: readonly Key[]): { plain: Buffer; key: Key } {
  let failure: unknown;
  for (const key of keys) {
    try {
      return { plain: decrypt(sealed, key.bytes, name), key };
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
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
