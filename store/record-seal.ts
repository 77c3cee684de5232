/** Payloads at rest: sealed on their way in where the deployment wants it, opened on their way out wherever they are. */
import { EngineError } from '../contract/failures.ts';
import type { SecretBox } from './secret-box.ts';

/** Where a payload is stored: sealed, it opens nowhere else. */
export type RowPlace = { readonly headId: string; readonly id: string };

export type RecordSeal = {
  /** Whether new payloads are sealed. */
  readonly seals: boolean;
  /** The key of today as sealed payloads begin with it, 4 bytes in hex. */
  readonly keyId: string;
  /** 32 hex digits that are the same for the same text, and say nothing of it to whoever lacks the key. */
  readonly digest: (text: string) => string;
  readonly seal: (place: RowPlace, text: string) => Buffer;
  /** @throws EngineError `configuration_invalid` for a key that is missing. */
  readonly open: (place: RowPlace, sealed: Buffer) => string;
};

const KEY_BYTES = 4;

export function createRecordSeal(box: SecretBox, seals: boolean): RecordSeal {
  const key = Buffer.from(box.keyId, 'hex');
  return {
    seals,
    keyId: box.keyId,
    digest: (text) => box.digest(text).slice(0, 32),
    seal: (place, text) => Buffer.concat([key, box.sealBytes(Buffer.from(text), nameOf(place))]),
    open: (place, sealed) => {
      const keyId = sealed.subarray(0, KEY_BYTES).toString('hex');
      if (!box.keyIds.includes(keyId)) throw missingKey(place, keyId);
      return box.openBytes(sealed.subarray(KEY_BYTES), nameOf(place)).toString('utf8');
    },
  };
}

/** What opens sealed payloads where none was handed in: it has no key. */
export const openNothing: RecordSeal['open'] = (place, sealed) => {
  throw missingKey(place, sealed.subarray(0, KEY_BYTES).toString('hex'));
};

function nameOf({ headId, id }: RowPlace): string {
  return `record ${headId} ${id}`;
}

function missingKey({ id }: RowPlace, keyId: string): EngineError {
  return new EngineError(
    'configuration_invalid',
    `Record '${id}' was sealed with key '${keyId}': set it as NANGO_ENCRYPTION_KEY, or name it in NANGO_ENCRYPTION_KEY_PREVIOUS`,
  );
}
