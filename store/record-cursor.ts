const VERSION = 1;

/** The cursor after a row: opaque to callers, versioned for us. */
export function encodeCursor(seq: string): string {
  return Buffer.from(`${VERSION}:${seq}`).toString('base64url');
}

/** The position of a cursor; undefined for text that is not one of ours. */
export function parseCursor(cursor: string): string | undefined {
  const seq = /^1:(0|[1-9]\d{0,18})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1];
  return seq !== undefined && encodeCursor(seq) === cursor && BigInt(seq) < 2n ** 63n ? seq : undefined;
}
