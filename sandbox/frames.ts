/**
 * The framing of the pipe between the worker and a runner child: u32 length of all that follows, u32 length of the
 * header, the header as JSON, then raw bytes that nobody encodes twice. Used on both sides; it imports nothing of ours.
 */
import type { Writable } from 'node:stream';

/** A frame as it was read; `body` is a view on the received bytes. */
export type Frame = { readonly header: Readonly<Record<string, unknown>>; readonly body: Buffer };

const PREFIX_BYTES = 8;
/** What a header may add to the body's limit: names, numbers and an error's text. */
const HEADER_BYTES = 1024 * 1024;

/** Spells one frame; the bodies follow each other without separators, so the header has to give their lengths. */
export function encodeFrame(header: Readonly<Record<string, unknown>>, ...bodies: readonly Uint8Array[]): Buffer[] {
  const head = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  const bodyBytes = bodies.reduce((sum, body) => sum + body.byteLength, 0);
  prefix.writeUInt32BE(4 + head.byteLength + bodyBytes, 0);
  prefix.writeUInt32BE(head.byteLength, 4);
  return [Buffer.concat([prefix, head]), ...bodies.filter((body) => body.byteLength > 0).map(asBuffer)];
}

/**
 * Returns a function that writes frames to `pipe`: those of one turn of the event loop together, since each write wakes
 * the process at the other end.
 */
export function createFrameWriter(
  pipe: Writable,
): (header: Readonly<Record<string, unknown>>, ...bodies: readonly (string | Uint8Array)[]) => void {
  let isCorked = false;
  const flush = (): void => {
    isCorked = false;
    pipe.uncork();
  };
  return (header, ...bodies) => {
    if (pipe.destroyed) return;
    if (!isCorked) {
      isCorked = true;
      pipe.cork();
      setImmediate(flush);
    }
    for (const part of encodeFrame(header, ...bodies.map(bytesOf))) pipe.write(part);
  };
}

/**
 * Returns a function that takes chunks and calls `onFrame` for each whole frame. It throws for a frame longer than
 * `maxBodyBytes()` allows or one that is no frame: the other side then broke the protocol and must go.
 */
export function createFrameReader(
  maxBodyBytes: () => number,
  onFrame: (frame: Frame) => void,
): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let buffered = 0;
  let wanted = PREFIX_BYTES;
  const take = (): Buffer => {
    const all = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    chunks = [all];
    return all;
  };
  return (chunk) => {
    chunks.push(chunk);
    buffered += chunk.byteLength;
    while (buffered >= wanted) {
      const all = take();
      const total = all.readUInt32BE(0);
      if (total > maxBodyBytes() + HEADER_BYTES) throw new Error(`a frame of ${total} bytes is over the limit`);
      wanted = 4 + total;
      if (buffered < wanted) return;
      onFrame(parseFrame(all.subarray(4, wanted)));
      const rest = all.subarray(wanted);
      chunks = rest.byteLength > 0 ? [rest] : [];
      buffered = rest.byteLength;
      wanted = PREFIX_BYTES;
    }
  };
}

function parseFrame(bytes: Buffer): Frame {
  const headBytes = bytes.readUInt32BE(0);
  if (headBytes > bytes.byteLength - 4) throw new Error('a frame whose header is longer than itself');
  const header: unknown = JSON.parse(bytes.toString('utf8', 4, 4 + headBytes));
  if (typeof header !== 'object' || header === null) throw new Error('a frame whose header is no object');
  return { header: header as Record<string, unknown>, body: bytes.subarray(4 + headBytes) };
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : body;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
