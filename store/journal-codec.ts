import { deserialize, serialize } from 'node:v8';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { EngineError } from '../contract/failures.ts';
import type { JournalEntry } from '../contract/journal.ts';
import { chunkName, type JournalPlace } from './journal.ts';
import type { SecretBox } from './secret-box.ts';

const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/**
 * Entries as one sealed chunk. It is sealed whole, since answers hold tokens and people's data; the seal is bound to
 * its place, so a chunk that was changed or moved does not open.
 */
export function encodeChunk(
  box: SecretBox,
  place: JournalPlace & { chunk: number },
  entries: readonly JournalEntry[],
): Buffer {
  return box.sealBytes(zstdCompressSync(serialize(entries), FAST), chunkName(place));
}

/** @throws EngineError `journal_damaged` for a chunk that is not what was written at this place. */
export function decodeChunk(box: SecretBox, place: JournalPlace & { chunk: number }, data: Buffer): JournalEntry[] {
  try {
    return deserialize(zstdDecompressSync(box.openBytes(data, chunkName(place))));
  } catch (cause) {
    throw new EngineError('journal_damaged', `Chunk ${place.chunk} of the journal of run '${place.runId}' is damaged`, {
      cause,
    });
  }
}
