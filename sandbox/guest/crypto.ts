/** The part of Node's `crypto` that scripts use: digests, keyed digests, randomness from the run's seed. */
import { hmac, md5, sha1, sha224, sha256, sha384, sha512 } from './hashes.ts';
import { buffer } from './node-buffer.ts';
import { fillRandom, randomUuid } from './random.ts';

const ALGORITHMS = { md5, sha1, sha224, sha256, sha384, sha512 };
type Encoding = 'hex' | 'base64' | 'base64url' | 'latin1' | 'binary' | 'utf8' | 'buffer';
type Running = { update(data: Uint8Array): unknown; digest(): Uint8Array; clone(): Running };

/** What `createHash` and `createHmac` return. */
class Digest {
  #running: Running | undefined;

  constructor(running: Running) {
    this.#running = running;
  }

  update(data: unknown, encoding?: string): this {
    this.#open().update(bytesOf(data, encoding));
    return this;
  }

  digest(encoding?: Encoding): unknown {
    const bytes = buffer().from(this.#open().digest());
    this.#running = undefined;
    return encoding === undefined || encoding === 'buffer' ? bytes : bytes.toString(encoding as 'hex');
  }

  copy(): Digest {
    return new Digest(this.#open().clone());
  }

  #open(): Running {
    if (this.#running === undefined) throw new Error('Digest already called');
    return this.#running;
  }
}

function algorithm(name: unknown) {
  const key = String(name).toLowerCase().replace('-', '').replace(/^rsa/, '');
  if (!Object.hasOwn(ALGORITHMS, key)) {
    throw new Error(`Digest '${String(name)}' in crypto: one of ${Object.keys(ALGORITHMS).join(', ')} is expected.`);
  }
  return ALGORITHMS[key as keyof typeof ALGORITHMS]();
}

function createHash(name: unknown): Digest {
  return new Digest(algorithm(name).create() as Running);
}

function createHmac(name: unknown, key: unknown): Digest {
  return new Digest(hmac().create(algorithm(name), bytesOf(key)) as Running);
}

function hash(name: unknown, data: unknown, encoding: Encoding = 'hex'): unknown {
  return createHash(name).update(data).digest(encoding);
}

function randomBytes(size: number): Buffer {
  const bytes = buffer().alloc(size);
  fillRandom(bytes);
  return bytes;
}

function randomInt(low: number, high?: number): number {
  const [min, max] = high === undefined ? [0, low] : [low, high];
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || max <= min || max - min > 2 ** 48) {
    throw new RangeError(`crypto.randomInt(${min}, ${max}): two integers at most 2^48 apart are expected.`);
  }
  const range = max - min;
  const limit = 2 ** 48 - (2 ** 48 % range);
  for (;;) {
    const drawn = randomBytes(6).readUIntBE(0, 6);
    if (drawn < limit) return min + (drawn % range);
  }
}

function getRandomValues<T extends ArrayBufferView>(target: T): T {
  if (!ArrayBuffer.isView(target) || target.byteLength > 65_536) {
    throw new TypeError('crypto.getRandomValues: a typed array of at most 65,536 bytes is expected.');
  }
  fillRandom(new Uint8Array(target.buffer, target.byteOffset, target.byteLength));
  return target;
}

function timingSafeEqual(left: ArrayBufferView, right: ArrayBufferView): boolean {
  const [a, b] = [bytesOf(left), bytesOf(right)];
  if (a.length !== b.length) throw new RangeError('Input buffers must have the same byte length');
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return difference === 0;
}

function bytesOf(data: unknown, encoding?: string): Uint8Array {
  if (typeof data === 'string') return buffer().from(data, (encoding ?? 'utf8') as BufferEncoding);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new TypeError('crypto: a string, Buffer or typed array is expected.');
}

const members = {
  createHash,
  createHmac,
  hash,
  randomBytes,
  randomInt,
  randomUUID: randomUuid,
  getRandomValues,
  timingSafeEqual,
  getHashes: () => Object.keys(ALGORITHMS),
};

/** `require('crypto')` and the global `crypto`; `webcrypto` offers the two functions that need no promise. */
export const crypto = { ...members, webcrypto: { getRandomValues, randomUUID: randomUuid }, default: members };
