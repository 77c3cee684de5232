/** Bodies into memory, with a limit. */
import { Readable } from 'node:stream';

export const REWINDABLE_BYTES = 1024 * 1024;

/**
 * The whole body, or undefined (and the stream destroyed) when it is longer than `maxBytes`. Rejects as the stream fails,
 * and with ETIMEDOUT when nothing of it has come for `silentMs`: an answer that has begun may never end.
 */
export function readBody(
  stream: Readable,
  { maxBytes, silentMs }: { readonly maxBytes: number; readonly silentMs: number },
): Promise<Uint8Array | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const patience = setTimeout(() => {
    reject(failure(`Nothing came for ${silentMs} ms`, 'ETIMEDOUT'));
    stream.destroy();
  }, silentMs).unref();
  stream.on('data', (chunk: Buffer) => {
    patience.refresh();
    bytes += chunk.length;
    if (bytes <= maxBytes) return chunks.push(chunk);
    resolve(undefined);
    return stream.destroy();
  });
  stream.once('error', reject);
  stream.once('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, bytes)));
  stream.once('close', () => reject(failure('The stream was closed before its end', 'ECONNRESET')));
  return promise.finally(() => clearTimeout(patience));
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
