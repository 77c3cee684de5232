/** Bodies into memory, with a limit. */
import { Readable } from 'node:stream';
import { type LargeBodies, SMALL_BYTES } from './large-bodies.ts';

export const REWINDABLE_BYTES = 1024 * 1024;

/**
 * The whole body, or undefined (and the stream destroyed) when it is longer than `maxBytes`. Rejects as the stream fails,
 * and with ETIMEDOUT when nothing of it has come for `silentMs`: an answer that has begun may never end.
 * @param limits.large where a long one gets its place. @default nobody counts them
 */
export function readBody(
  stream: Readable,
  limits: { readonly maxBytes: number; readonly silentMs: number; readonly large?: LargeBodies | undefined },
): Promise<Uint8Array | undefined> {
  const { maxBytes, silentMs, large } = limits;
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  let place: Promise<void> | undefined;
  const giveUp = (): void => {
    reject(failure(`Nothing came for ${silentMs} ms`, 'ETIMEDOUT'));
    stream.destroy();
  };
  let patience = setTimeout(giveUp, silentMs).unref();
  const enter = (own: Promise<void>): void => {
    place = own;
    stream.pause();
    clearTimeout(patience);
    void own.then(() => {
      // Over meanwhile, there is nothing to go on with.
      if (place !== own) return;
      patience = setTimeout(giveUp, silentMs).unref();
      stream.resume();
    });
  };
  /** Also of one that was given up while it waited: its place comes, and goes on to the next. */
  const leave = (): void => {
    clearTimeout(patience);
    void place?.then(large?.leave);
    place = undefined;
  };
  stream.on('data', (chunk: Buffer) => {
    patience.refresh();
    bytes += chunk.length;
    if (bytes > maxBytes) {
      resolve(undefined);
      return stream.destroy();
    }
    chunks.push(chunk);
    if (large !== undefined && place === undefined && bytes > SMALL_BYTES) enter(large.enter());
    return undefined;
  });
  stream.once('error', reject);
  stream.once('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, bytes)));
  stream.once('close', () => reject(failure('The stream was closed before its end', 'ECONNRESET')));
  for (const over of ['error', 'end', 'close']) stream.once(over, leave);
  return promise;
}

/** The body in memory when it is short enough to be sent again, otherwise a stream of the same bytes. */
export async function rewindable(body: Readable | Uint8Array): Promise<Readable | Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const source = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const head: Buffer[] = [];
  let bytes = 0;
  while (bytes <= REWINDABLE_BYTES) {
    const { value, done } = await source.next();
    if (done) return Buffer.concat(head, bytes);
    head.push(value);
    bytes += value.length;
  }
  return Readable.from(joined(head, source), { objectMode: false });
}

function failure(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

async function* joined(head: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* head;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    // Ends the source as well when the request is given up half-way.
    await rest.return?.();
  }
}
