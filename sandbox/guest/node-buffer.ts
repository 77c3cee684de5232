/** npm's `buffer`, loaded on first use (it costs more than a trivial action), with the one encoding it lacks. */
declare const require: (name: string) => unknown;
type BufferModule = { Buffer: typeof Buffer; [member: string]: unknown };

let loaded: BufferModule | undefined;

/** The module as `require('buffer')` gives it. */
export function bufferModule(): BufferModule {
  if (loaded !== undefined) return loaded;
  // The bundler turns this into a lazily run part of the prelude.
  loaded = require('buffer/') as BufferModule;
  addBase64Url(loaded.Buffer);
  return loaded;
}

/** The guest's `Buffer`. */
export function buffer(): typeof Buffer {
  return bufferModule().Buffer;
}

function addBase64Url(target: typeof Buffer): void {
  const { isEncoding, from } = target;
  const { toString } = target.prototype;
  const plain = (encoding: unknown): unknown =>
    typeof encoding === 'string' && encoding.toLowerCase() === 'base64url' ? 'base64' : encoding;
  target.isEncoding = ((encoding: unknown) => isEncoding(plain(encoding) as string)) as typeof isEncoding;
  // npm's decoder takes both alphabets already.
  target.from = ((...args: unknown[]) =>
    Reflect.apply(from, target, typeof args[0] === 'string' ? [args[0], plain(args[1])] : args)) as typeof from;
  target.prototype.toString = function (this: Buffer, encoding?: string, ...range: number[]): string {
    const text: string = Reflect.apply(toString, this, [plain(encoding), ...range]);
    if (plain(encoding) === encoding) return text;
    return text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  } as typeof toString;
}
