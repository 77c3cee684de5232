/** Digests, loaded on first use: their tables of constants take longer than a trivial action. */
import type * as Hmac from '@noble/hashes/hmac.js';
import type * as Legacy from '@noble/hashes/legacy.js';
import type * as Sha2 from '@noble/hashes/sha2.js';

declare const require: (name: string) => unknown;

const legacy = (): typeof Legacy => require('@noble/hashes/legacy.js') as typeof Legacy;
const sha2 = (): typeof Sha2 => require('@noble/hashes/sha2.js') as typeof Sha2;

export const hmac = () => (require('@noble/hashes/hmac.js') as typeof Hmac).hmac;
export const md5 = () => legacy().md5;
export const sha1 = () => legacy().sha1;
export const sha224 = () => sha2().sha224;
export const sha256 = () => sha2().sha256;
export const sha384 = () => sha2().sha384;
export const sha512 = () => sha2().sha512;
