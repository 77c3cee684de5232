import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createLargeBodies, type LargeBodies, SMALL_BYTES } from '../../outbound/large-bodies.ts';
import { readBody } from '../../outbound/read-body.ts';
import { connection, useOutbound } from '../support/outbound.ts';
import { until } from '../support/until.ts';
import { useUpstream } from '../support/upstream.ts';

const MIB = 1024 * 1024;
const upstream = useUpstream();
const outbound = useOutbound(() => ({ proxy: { base_url: upstream.url } }), { maxResponseBytes: 50 * MIB });
const signal = new AbortController().signal;

const read = (stream: Readable, large: LargeBodies, megabytes = 50) =>
  readBody(stream, { maxBytes: megabytes * MIB, silentMs: 60_000, large });

/** A body of so many megabytes that waits in its middle, and how much of it was asked for. */
function body(megabytes: number, middle: Promise<void> = Promise.resolve()) {
  const told = { bytes: 0 };
  const stream: Readable = new Readable({
    highWaterMark: MIB / 4,
    read: async () => {
      if (told.bytes === (megabytes * MIB) / 2) await middle;
      if (told.bytes === megabytes * MIB) return stream.push(null);
      told.bytes += MIB / 4;
      return stream.push(Buffer.alloc(MIB / 4));
    },
  });
  return { told, stream };
}

test('of bodies that are read at once as many are long as there are places, and short ones need none', async () => {
  const large = createLargeBodies(2);
  const middle = Promise.withResolvers<void>();
  const long = [8, 8, 8, 8].map((megabytes) => body(megabytes, middle.promise));
  const reading = long.map(({ stream }) => read(stream, large));
  await until('the middle of two', () => long.filter(({ told }) => told.bytes === 4 * MIB).length === 2);
  expect((await read(body(1).stream, large))?.length).toBe(MIB);
  expect(long.filter(({ told }) => told.bytes > SMALL_BYTES + MIB).length).toBe(2);
  middle.resolve();
  expect((await Promise.all(reading)).map((bytes) => bytes?.length)).toEqual(long.map(() => 8 * MIB));
});

test('bodies that fail, break off, or are too long leave their places, also while they wait for one', async () => {
  const large = createLargeBodies(1);
  const held = body(8, new Promise(() => undefined));
  const first = read(held.stream, large);
  await until('its middle', () => held.told.bytes === 4 * MIB);
  const waiting = body(8);
  const second = read(waiting.stream, large);
  await until('its turn', () => waiting.stream.isPaused());
  waiting.stream.destroy();
  await expect(second).rejects.toThrow(/closed/);
  held.stream.destroy(new Error('broken off'));
  await expect(first).rejects.toThrow('broken off');
  expect(await read(body(4).stream, large, 2)).toBeUndefined();
  expect((await read(body(4).stream, large))?.length).toBe(4 * MIB);
});

test('the calls of a run share its places', async () => {
  const large = createLargeBodies(1);
  upstream.handleWith(() => ({ body: Buffer.alloc(3 * MIB) }));
  const url = `${upstream.url}/raw`;
  const lengths = await Promise.all([
    ...[1, 2, 3].map(async () => {
      const config = { endpoint: '/x', method: 'GET' } as const;
      const tried = await outbound.attempt(connection(), config, { signal, attempt: 0, large });
      return 'answer' in tried ? tried.answer.body.length : tried.failure.message;
    }),
    ...[1, 2].map(async () => {
      const answer = await outbound.raw({ url, method: 'GET', headers: {}, body: undefined }, { signal, large });
      return answer.body.length;
    }),
  ]);
  expect(lengths).toEqual(lengths.map(() => 3 * MIB));
});
