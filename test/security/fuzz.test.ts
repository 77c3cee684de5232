/**
 * Random damage to what comes over a border: bytes of the pipe to the runner, what a runner that was taken over may say on
 * it, chunks of journals, cursors, envelopes of secrets, signatures of webhooks. Each is taken for what it is or refused by
 * a failure of ours; what follows from a seed can be run again.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createRandom, type Random } from '../../bench/chaos/random.ts';
import { readRecordedRun } from '../../cli/journal-file.ts';
import { failureCode } from '../../contract/failures.ts';
import type { Host } from '../../contract/host.ts';
import type { JournalEntry } from '../../contract/journal.ts';
import type { ScriptOutcome } from '../../contract/script.ts';
import { loadProviders } from '../../outbound/catalogue.ts';
import { checkSignature } from '../../outbound/provider-webhook.ts';
import { openCallDesk } from '../../sandbox/call-desk.ts';
import { createFrameReader, encodeFrame } from '../../sandbox/frames.ts';
import { DEFAULT_LIMITS } from '../../sandbox/limits.ts';
import { decodeChunk, encodeChunk } from '../../store/journal-codec.ts';
import { encodeCursor, parseCursor } from '../../store/record-cursor.ts';
import { createSecretBox } from '../../store/secret-box.ts';

const ROUNDS = 2_000;
const MOST_BYTES = 4_096;
const box = createSecretBox(randomBytes(32).toString('base64'));

/** Changed, cut off, cut out of, doubled in part or put behind something: never the same again. */
function damage(bytes: Buffer, random: Random): Buffer {
  const at = random.int(bytes.length);
  const damaged = random.pick([
    () => Buffer.from(bytes.map((byte, where) => (where === at ? byte ^ (1 << random.int(8)) : byte))),
    () => bytes.subarray(0, at),
    () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
    () => Buffer.concat([bytes.subarray(0, at), Buffer.from([random.int(256)]), bytes.subarray(at)]),
    () => Buffer.concat([bytes, bytes.subarray(at)]),
    () => Buffer.from(bytes.map(() => random.int(256))),
  ])();
  return damaged.equals(bytes) ? bytes.subarray(1) : damaged;
}

/** What was thrown, as a code of ours; anything else is a fault. */
function refusal(work: () => unknown): string {
  try {
    work();
    return 'taken';
  } catch (error) {
    const code = failureCode(error);
    if (code === undefined) throw error;
    return code;
  }
}

test('damaged bytes on the pipe are read as whole frames or refused, and never wait for more than the limit', () => {
  const tally = { refused: 0, read: 0, waiting: 0 };
  for (let seed = 0; seed < ROUNDS; seed += 1) {
    const random = createRandom(seed);
    const frame = (type: string) => encodeFrame({ type, run: 1, number: random.int(99) }, randomBytes(random.int(300)));
    const bytes = damage(Buffer.concat([...frame('call'), ...frame('ended')]), random);
    let frames = 0;
    const read = createFrameReader(
      () => MOST_BYTES,
      ({ header, body }) => {
        expect(typeof header).toBe('object');
        expect(body.length).toBeLessThan(MOST_BYTES);
        frames += 1;
      },
    );
    try {
      for (let from = 0; from < bytes.length; ) {
        const size = random.between(1, 200);
        read(Buffer.from(bytes.subarray(from, from + size)));
        from += size;
      }
      // A length that is over the limit is refused as soon as it is there, not waited for.
      if (frames === 0 && bytes.length >= 8) expect(bytes.readUInt32BE(0)).toBeLessThanOrEqual(MOST_BYTES + 2 ** 20);
      tally[frames > 0 ? 'read' : 'waiting'] += 1;
    } catch (error) {
      expect(String(error)).toMatch(/over the limit|header|JSON|bounds|no object/);
      tally.refused += 1;
    }
  }
  // Each happens, or the damage does not bite.
  expect(Math.min(...Object.values(tally))).toBeGreaterThan(20);
});

const KINDS = [
  'log',
  'request',
  'saveRecords',
  'acquireLock',
  'getConnection',
  'toString',
  '__proto__',
  'constructor',
  '',
];

test('what a runner that was taken over says in its frames ends its run by a failure of ours, or is answered', async () => {
  const codes = new Set<string>();
  for (let seed = 0; seed < 300; seed += 1) {
    const random = createRandom(seed);
    const ends: ScriptOutcome[] = [];
    const refuse = async (): Promise<never> => {
      throw new Error('the host is not there');
    };
    const desk = openCallDesk({
      host: new Proxy({}, { get: () => refuse }) as unknown as Host,
      clock: () => new Date(0),
      limits: { ...DEFAULT_LIMITS, maxFrameBytes: MOST_BYTES },
      journal: undefined,
      send: () => undefined,
      endRun: (outcome) => ends.push(outcome),
      onLive: () => undefined,
    });
    const number = (): number => random.pick([0, 1, 1, 2, -1, Number.NaN, 1e300, 0.5, random.int(50)]);
    for (let step = 0; step < 30; step += 1) {
      const json = random.pick(['{}', '[]', 'null', '{"a":', '', '{"__proto__":{"x":1}}', '9'.repeat(400), '"\u0000"']);
      random.pick([
        () => desk.take(number(), KINDS[random.int(KINDS.length)] ?? '', json, random.pick([undefined, '', json])),
        () => desk.delivered(number()),
        () => desk.dropTimer(number()),
        () => desk.interrupt(),
      ])();
    }
    desk.end({ status: 'completed', calls: Number.NaN } as ScriptOutcome);
    await desk.salvage();
    desk.close();
    for (const end of ends) if (end.status === 'failed') codes.add(end.failure.code);
  }
  expect([...codes].filter((code) => !/^script_|^internal$|^runner_lost$/.test(code))).toEqual([]);
  expect(codes.size).toBeGreaterThan(0);
});

const ENTRY: JournalEntry = {
  ...{ number: 1, ok: true, kind: 'request', argsHash: 'h', args: '{}', json: '{"a":1}', body: undefined, now: 1 },
};

test('a chunk of a journal that is not what was written at its place is refused as damaged', () => {
  const place = { runId: 'r1', generation: 0, chunk: 0 };
  const chunk = encodeChunk(box, place, [ENTRY]);
  expect(decodeChunk(box, place, chunk)).toEqual([ENTRY]);
  for (let seed = 0; seed < ROUNDS; seed += 1) {
    expect(refusal(() => decodeChunk(box, place, damage(chunk, createRandom(seed))))).toBe('journal_damaged');
  }
  expect(refusal(() => decodeChunk(box, { ...place, chunk: 1 }, chunk))).toBe('journal_damaged');
});

test('a journal in a file that was damaged is read to its end or refused, naming the file', () => {
  const head = { format: 'nango-temporal-journal-1', engine: '1', run: { id: 'r1' } };
  const { body: _, ...line } = ENTRY;
  const whole = Buffer.from([head, line, line, { entries: 2 }].map((one) => JSON.stringify(one)).join('\n'));
  expect(readRecordedRun(whole, 'a file').entries).toHaveLength(2);
  const found = new Set<string>();
  for (let seed = 0; seed < ROUNDS; seed += 1) {
    found.add(refusal(() => readRecordedRun(damage(whole, createRandom(seed)), 'a file')));
  }
  expect([...found].sort()).toEqual(['journal_damaged', 'taken']);
});

test('a sealed secret that was damaged does not open', () => {
  const envelope = Buffer.from(box.seal('secret'));
  for (let seed = 0; seed < ROUNDS; seed += 1) {
    const damaged = damage(envelope, createRandom(seed)).toString('latin1');
    const opened = refusal(() => expect(box.open(damaged)).toBe('secret'));
    // Base64 has more than one spelling of its last bits: such a text may still be the same bytes.
    expect(['configuration_invalid', 'internal', 'taken']).toContain(opened);
  }
});

test('a cursor is one of ours to the letter, or none', () => {
  for (let seed = 0; seed < ROUNDS; seed += 1) {
    const random = createRandom(seed);
    const cursor = encodeCursor(String(random.int(1e9)));
    const damaged = damage(Buffer.from(cursor), random).toString('latin1');
    const seq = parseCursor(damaged);
    if (seq !== undefined) expect(encodeCursor(seq)).toBe(damaged);
  }
});

test.each(['slack', 'github', 'stripe', 'shopify'])('no damaged webhook of %s passes for a signed one', (name) => {
  const provider = loadProviders().get(name);
  const [secret, now] = ['whsec', new Date(1_767_225_600_000)];
  const at = String(now.getTime() / 1_000);
  const body = '{"id":"e1","type":"x"}';
  const sign = (text: string, as: 'hex' | 'base64' = 'hex') => createHmac('sha256', secret).update(text).digest(as);
  const headers: Readonly<Record<string, string>> = {
    ...{ 'x-slack-request-timestamp': at, 'x-slack-signature': `v0=${sign(`v0:${at}:${body}`)}` },
    ...{ 'x-hub-signature-256': `sha256=${sign(body)}`, 'x-shopify-hmac-sha256': sign(body, 'base64') },
    'stripe-signature': `t=${at},v1=${sign(`${at}.${body}`)}`,
  };
  const check = (call: { headers: Readonly<Record<string, string>>; body: Buffer }) =>
    refusal(() => checkSignature(provider, call, secret, now));
  expect(check({ headers, body: Buffer.from(body) })).toBe('taken');
  for (let seed = 0; seed < ROUNDS; seed += 1) {
    const random = createRandom(seed);
    expect(check({ headers, body: damage(Buffer.from(body), random) })).toBe('webhook_refused');
    const noise = Object.fromEntries(Object.keys(headers).map((key) => [key, randomBytes(40).toString('latin1')]));
    expect(check({ headers: noise, body: Buffer.from(body) })).toBe('webhook_refused');
  }
});
