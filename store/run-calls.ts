/** What is left of a run's calls once its journal is gone: a line for each, sealed, with the run's row. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Queryable } from './db.ts';
import type { SecretBox } from './secret-box.ts';

/** One call, or several that were the same one after the other. */
export type ToldCall = {
  /** `GET /tasks`: no query, no body. */
  readonly text: string;
  /** A status, the code of a failure, or `done`. */
  readonly answer: string;
  readonly ok: boolean;
  /** When the last of them was answered, ms since the epoch. */
  readonly at: number;
  /** Since the answer before, waits included. */
  readonly tookMs: number;
  readonly times: number;
};

/** The first calls and the last ones; `leftOut` were made in between. */
export type ToldCalls = {
  readonly first: readonly ToldCall[];
  readonly leftOut: number;
  readonly last: readonly ToldCall[];
};

/** Few calls are shorter as they are, and an action has no time to lose. */
const SHORT = 1_024;
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Sealed, since a path may name people or hold a token. Null where nothing was asked for. */
export function sealCalls(box: SecretBox, calls: ToldCalls): string | null {
  if (calls.first.length === 0) return null;
  const text = JSON.stringify(calls);
  return box.seal(text.length < SHORT ? text : zstdCompressSync(text, FAST).toString('base64'));
}

export function openCalls(box: SecretBox, sealed: string): ToldCalls {
  const text = box.open(sealed);
  return JSON.parse(text.startsWith('{') ? text : zstdDecompressSync(Buffer.from(text, 'base64')).toString());
}

/** As they were sealed; null for a run that made none or has not ended. */
export async function sealedCallsOf(db: Queryable, runId: string): Promise<string | null> {
  const result = await db.query<{ calls: string | null }>(`select calls from runs where id = $1::text`, [runId]);
  return result.rows[0]?.calls ?? null;
}
