/** Text as bytes: UTF-8 lengths and cuts that never split a code point. */

/** Bytes `text` takes as UTF-8; a lone surrogate counts as the three bytes of its replacement. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    if (isPair(text, at)) {
      bytes += 1;
      at++;
    }
  }
  return bytes;
}

/** `text` itself, or its longest head of at most `maxBytes` bytes with a mark of the cut. */
export function cutToBytes(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const mark = '… (cut)';
  let bytes = 0;
  for (let at = 0; at < text.length; at++) {
    const pair = isPair(text, at);
    const unit = text.charCodeAt(at);
    const size = pair ? 4 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    if (bytes + size > maxBytes - 10 && utf8Length(text.slice(at)) + bytes > maxBytes) return text.slice(0, at) + mark;
    bytes += size;
    if (pair) at++;
  }
  return text;
}

function isPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  const next = text.charCodeAt(at + 1);
  return unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000;
}
