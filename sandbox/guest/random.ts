/** Randomness that follows from the run's secret seed alone: SHA-256 over seed and counter, so a replay draws the same. */
import { sha256 } from './hashes.ts';

const block = new Uint8Array(40);
let counter = 0;
let pool = new Uint8Array(0);

/** Takes the 32 bytes of the run's seed (hex). */
export function seedRandom(hex: string): void {
  for (let at = 0; at < 32; at++) block[at] = Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16) || 0;
  counter = 0;
  pool = new Uint8Array(0);
}

/** Fills `target` with the next bytes of the stream. */
export function fillRandom(target: Uint8Array): void {
  for (let filled = 0; filled < target.length; ) {
    if (pool.length === 0) pool = nextBlock();
    const take = Math.min(pool.length, target.length - filled);
    target.set(pool.subarray(0, take), filled);
    pool = pool.subarray(take);
    filled += take;
  }
}

/** A version 4 UUID. */
export function randomUuid(): string {
  const bytes = new Uint8Array(16);
  fillRandom(bytes);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Puts `Math.random` on the stream: 53 bits each. */
export function installRandom(): void {
  const eight = new Uint8Array(8);
  const view = new DataView(eight.buffer);
  const random = (): number => {
    fillRandom(eight);
    return Number(view.getBigUint64(0) >> 11n) / 2 ** 53;
  };
  Object.defineProperty(Math, 'random', { value: random, writable: true, enumerable: false, configurable: true });
}

function nextBlock(): Uint8Array<ArrayBuffer> {
  new DataView(block.buffer).setBigUint64(32, BigInt(counter++));
  return new Uint8Array(sha256()(block));
}
