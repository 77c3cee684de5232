import { expect, test } from '@jest/globals';
import type { ScriptOutcome } from '../../contract/script.ts';
import { createMemoryJournal } from './memory-journal.ts';
import { action, useSandbox } from './use-sandbox.ts';

const { run, compile } = useSandbox();

/**
 * Branches that run at once and draw from one stream of decisions, so that the order in which answers arrive decides
 * what is called next. Each call names how much was seen before it: in another order it would be another call.
 */
const PROGRAM = action(`
  let state = input.seed;
  const draw = (below: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
  const seen: string[] = [];
  const note = (what: string) => void seen.push(what + '@' + Date.now());
  const get = async (name: string) => {
    const { data } = await nango.get({ endpoint: '/' + name + '?seen=' + seen.length });
    note(name + '=' + data.served);
    return name;
  };
  const sleep = async (ms: number) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    note('slept ' + Math.random());
    return 'sleep';
  };
  const branch = async (name: string, depth: number): Promise<void> => {
    for (let step = 1 + draw(3); step > 0; step--) {
      const place = name + step;
      switch (draw(6)) {
        case 0: await get(place); break;
        case 1: note('all ' + (await Promise.all([get(place + 'a'), get(place + 'b'), get(place + 'c')]))); break;
        case 2: note('won ' + (await Promise.race([get(place + 'a'), get(place + 'b'), sleep(draw(3))]))); break;
        case 3: if (depth < 2) await Promise.all([branch(place + 'x', depth + 1), branch(place + 'y', depth + 1)]); break;
        case 4: await sleep(draw(3)); break;
        case 5: await nango.log(seen.at(-1) + crypto.randomUUID()); break;
      }
    }
  };
  await Promise.all(['p', 'q', 'r'].map((name) => branch(name, 0)));
  return seen;`);

const SEEDS = 30;

test(`the order of answers replays: ${SEEDS} random programs, each crashed at every k-th answer`, async () => {
  const bundle = await compile(PROGRAM);
  let replayed = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const every = 1 + (seed % 7);
    let crash: (() => void) | undefined;
    const journal = createMemoryJournal((count) => {
      if (count % every === 0) crash?.();
    });
    const host = hostOf(seed);
    const options = { bundle, input: JSON.stringify({ seed }), beginsAt: new Date(0), clock: ticking() };
    let ended: ScriptOutcome | undefined;
    for (let before = -1; ended === undefined && journal.entries.length > before; ) {
      before = journal.entries.length;
      const controller = new AbortController();
      crash = () => controller.abort();
      const { outcome } = await run('', { ...options, host, signal: controller.signal, journal: journal.open() });
      if (outcome.status !== 'failed' || outcome.failure.code !== 'script_aborted') ended = outcome;
    }
    crash = undefined;
    if (ended === undefined) {
      // The last crash fell on the last answer: what is left is the end of the script.
      ended = (await run('', { ...options, host, journal: journal.open() })).outcome;
    }
    expect({ seed, status: ended.status }).toEqual({ seed, status: 'completed' });
    const numbers = journal.entries.map(({ number }) => number);
    expect({ seed, recorded: new Set(numbers).size }).toEqual({ seed, recorded: numbers.length });
    replayed += numbers.length;
    const { outcome, calls } = await run('', { ...options, journal: journal.open() });
    expect({ seed, outcome, calls }).toEqual({ seed, outcome: ended, calls: [] });
  }
  expect(replayed).toBeGreaterThan(10 * SEEDS);
}, 120_000);

const BOTH = 'await nango.get({ endpoint: "/a" }); await nango.log("b");';

test.each([
  [BOTH.replace('/a', '/other'), 'call 0 (request) has other arguments this time'],
  ['await nango.log("a");', 'call 0 was request and is log this time'],
  ['await nango.get({ endpoint: "/a" });', 'call 1 (log) was not made this time'],
  ['await nango.get({ endpoint: "/a" }); await new Promise(() => {});', 'call 1 (log) was not made this time'],
  ['return;', 'the script ended before the answers of its journal did'],
  [BOTH, 'completed'],
])('whether a script went another way than its journal does not depend on the moment: %s', async (body, expected) => {
  const journal = createMemoryJournal();
  await run(action(BOTH), { journal: journal.open(), beginsAt: new Date(0) });
  const bundle = await compile(action(body));
  for (let round = 0; round < 20; round += 1) {
    const { outcome, calls } = await run('', { bundle, journal: journal.open(), beginsAt: new Date(0) });
    expect(outcome.status === 'diverged' ? outcome.reason : outcome.status).toBe(expected);
    expect(calls).toEqual([]);
  }
});

test('a call made in the moment of a divergence is not made to the outer world', async () => {
  const journal = createMemoryJournal();
  await run(action(BOTH), { journal: journal.open(), beginsAt: new Date(0) });
  const bundle = await compile(
    action('for (let n = 0; n < 50; n++) nango.post({ endpoint: "/" + n }); await nango.log("x");'),
  );
  for (let round = 0; round < 20; round += 1) {
    const { outcome, calls } = await run('', { bundle, journal: journal.open(), beginsAt: new Date(0) });
    expect(outcome).toMatchObject({ status: 'diverged' });
    expect(calls).toEqual([]);
  }
});

/** Answers each request after a few turns of the event loop, never the same twice. */
function hostOf(seed: number) {
  let served = 0;
  let state = seed;
  return {
    request: async () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      for (let turns = (state >> 8) % 8; turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
      served += 1;
      return { value: { status: 200, statusText: '', headers: {} }, body: JSON.stringify({ served }) };
    },
  };
}

/** A clock that goes on with every look. */
function ticking(): () => Date {
  let ms = 0;
  return () => {
    ms += 1;
    return new Date(ms);
  };
}
