import { expect, test } from '@jest/globals';
import { createFrameReader, encodeFrame, type Frame } from '../../sandbox/frames.ts';

function read(chunks: readonly Buffer[], maxBytes = 1_000_000): Frame[] {
  const frames: Frame[] = [];
  const reader = createFrameReader(
    () => maxBytes,
    ({ header, body }) => frames.push({ header, body: Buffer.from(body) }),
  );
  for (const chunk of chunks) reader(chunk);
  return frames;
}

const whole = Buffer.concat([
  ...encodeFrame({ type: 'a', text: 'é' }, Buffer.from([0, 255, 10]), Buffer.from('😀')),
  ...encodeFrame({ type: 'b' }),
]);

test.each([1, 3, 7, 1000])('frames arrive whole however they are cut: %i bytes at a time', (size) => {
  const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
    whole.subarray(at * size, (at + 1) * size),
  );
  expect(read(chunks)).toEqual([
    { header: { type: 'a', text: 'é' }, body: Buffer.concat([Buffer.from([0, 255, 10]), Buffer.from('😀')]) },
    { header: { type: 'b' }, body: Buffer.alloc(0) },
  ]);
});

test('a frame longer than allowed is refused before it is read', () => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(3_000_000, 0);
  expect(() => read([head], 1000)).toThrow(/over the limit/);
});

test.each([
  ['a header longer than its frame', Buffer.from([0, 0, 0, 6, 0, 0, 0, 9, 123, 125])],
  ['a header that is no JSON', Buffer.from([0, 0, 0, 6, 0, 0, 0, 2, 123, 123])],
  ['a header that is no object', Buffer.from([0, 0, 0, 5, 0, 0, 0, 1, 49])],
  ['a length below that of a header', Buffer.from([0, 0, 0, 0, 0, 0, 0, 0])],
])('%s breaks the protocol', (_, bytes) => {
  expect(() => read([bytes])).toThrow();
});
