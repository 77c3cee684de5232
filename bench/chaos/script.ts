/**
 * Random scripts. Each is a sync as an author might write it, and what it does to the world depends on its seed alone:
 * how branches that run side by side happen to be interleaved changes nothing that is compared later. What it draws
 * (random numbers, times, winners of races) it saves twice, at once and at its end: a resumed run must find the same.
 */
import { createRandom, type Random } from './random.ts';

export type PlannedPost = {
  readonly path: string;
  readonly retries: number;
  /** How many different requests the script has made with it. */
  readonly ordinal: number;
};

export type ChaosScript = {
  readonly seed: number;
  readonly source: string;
  /** How many different requests it makes; one that is refused first and asked again counts once. */
  readonly requests: number;
  readonly posts: readonly PlannedPost[];
  /** It loses workers; some of its waits are so long that the run suspends. */
  readonly isHard: boolean;
  /** Whether the provider takes an idempotency key, so that any POST may be repeated. */
  readonly isKeyed: boolean;
};

/** Lines of branches that run side by side, whose order nobody promises. */
export const SIDE_BY_SIDE = '~';
export const MODELS = ['Task', 'Draw'] as const;

type Step = { readonly text: string; readonly requests: number; readonly post?: Omit<PlannedPost, 'ordinal'> };
type Maker = (random: Random, step: number, isHard: boolean) => Step;

/** The script of a seed; every tenth is hard. */
export function randomScript(seed: number): ChaosScript {
  const random = createRandom(seed);
  const isHard = seed % 10 === 0;
  const isKeyed = random.chance(0.3);
  const count = random.between(6, 14);
  // Every script reads pages and posts; the rest is drawn.
  const makers = [pages, post, ...Array.from({ length: count }, () => random.pick(MAKERS))];
  const steps = makers.map((make, step) => make(random, step, isHard));
  const end = random.chance(0.1) ? `throw new Error('Seed ${seed} fails on purpose');` : '';
  return {
    seed,
    isHard,
    isKeyed,
    source: sourceOf(steps.map(({ text }) => text).join(''), end),
    requests: requestsOf(steps),
    posts: steps.flatMap(({ post }, at) =>
      post === undefined ? [] : { ...post, ordinal: requestsOf(steps.slice(0, at + 1)) },
    ),
  };
}

function requestsOf(steps: readonly Step[]): number {
  return steps.reduce((sum, { requests }) => sum + requests, 0);
}

const pages: Maker = (random, step) => {
  const count = random.between(2, 6);
  const text = `
  for (let page = 0; page < ${count}; page++) await keep(await get('/pages/${step}-' + page));`;
  return { text, requests: count };
};

const sideBySide: Maker = (random, step) => {
  const branches = Array.from({ length: random.between(2, 4) }, () => random.between(1, 3));
  const width = branches.length;
  const text = `
  await Promise.all(${JSON.stringify(branches)}.map(async (pages, branch) => {
    for (let page = 0; page < pages; page++) {
      const { rows } = await get('/pages/${step}-' + branch + '-' + page, { width: ${width}, slow: ${random.int(20)} });
      await nango.batchSave(rows, 'Task');
      await nango.log('${SIDE_BY_SIDE} step ${step} branch ' + branch + ' page ' + page);
    }
  }));`;
  return { text, requests: branches.reduce((sum, pages) => sum + pages, 0) };
};

const race: Maker = (random, step) => {
  const [slowA, slowB, timer] = [random.int(30), random.int(30), random.between(1, 30)];
  const text = `
  {
    const racers = [
      get('/pages/${step}-a', { width: 2, slow: ${slowA} }),
      get('/pages/${step}-b', { width: 2, slow: ${slowB} }),
      sleep(${timer}).then(() => ({ rows: [] })),
    ];
    await draw(await Promise.race(racers.map((racer, at) => racer.then(() => at))));
    for (const { rows } of await Promise.all(racers)) await keep({ rows });
  }`;
  return { text, requests: 2 };
};

const post: Maker = (random, step) => {
  const path = `/posts/${step}`;
  const retries = random.chance(0.5) ? random.between(1, 3) : 0;
  const refused = retries > 0 && random.chance(0.3);
  const text = `
  {
    const { data } = await nango.post({
      endpoint: '${path}', data: { step: ${step} }, params: { slow: ${random.int(20)}${refused ? ', refuse: 1' : ''} },
      ${retries > 0 ? `retries: ${retries},` : ''}
    });
    await nango.batchSave([{ id: 'post-${step}', made: data.made }], 'Task');
  }`;
  return { text, requests: 1, post: { path, retries } };
};

/** An API that says when to come again: in place, or so late that the run suspends. */
const refused: Maker = (random, step, isHard) => {
  const seconds = isHard && random.chance(0.3) ? 12 : 1;
  const text = `
  await keep(await get('/pages/${step}', { refuse: ${seconds} }, 2));`;
  return { text, requests: 1 };
};

const failing: Maker = (_random, step) => {
  const text = `
  await get('/pages/${step}', { status: 404 }).catch((error: any) => nango.log('step ${step} got ' + error.response.status));`;
  return { text, requests: 1 };
};

const shuffled: Maker = (_random, step) => {
  const text = `
  for (const page of Math.random() < 0.5 ? ['a', 'b', 'c'] : ['c', 'b', 'a'])
    await nango.batchSave((await get('/pages/${step}-' + page)).rows, 'Task');`;
  return { text, requests: 3 };
};

const drawing: Maker = (random) => {
  const value = random.pick(['Math.random()', 'Date.now()', 'new Date().toISOString()', 'crypto.randomUUID()']);
  return { text: `\n  await draw(${value});`, requests: 0 };
};

const checkpoint: Maker = (random, step) => {
  const text = `
  await nango.saveCheckpoint({ step: ${step}, note: 'kept ' + kept.length, done: ${random.chance(0.5)} });
  ${random.chance(0.5) ? `await nango.log('step ${step} at ' + JSON.stringify(await nango.getCheckpoint()));` : ''}`;
  return { text, requests: 0 };
};

const deletion: Maker = (random) => {
  const text = `
  await nango.batchDelete(kept.filter((_, at) => at % ${random.between(2, 5)} === 0).map((id) => ({ id })), 'Task');`;
  return { text, requests: 0 };
};

const change: Maker = (random, step) => {
  const text = `
  await nango.batchSave(kept.slice(-${random.between(1, 6)}).map((id) => ({ id, changed: ${step} })), 'Task');`;
  return { text, requests: 0 };
};

const line: Maker = (_random, step) => ({
  text: `\n  await nango.log('step ${step}, kept ' + kept.length);`,
  requests: 0,
});

const pause: Maker = (random) => ({ text: `\n  await sleep(${random.between(1, 60)});`, requests: 0 });

const metadata: Maker = (_random, step) => ({
  text: `\n  await nango.updateMetadata({ step: ${step} });`,
  requests: 0,
});

const MAKERS: readonly [Maker, ...Maker[]] = [
  ...([pages, pages, sideBySide, sideBySide, race, post, post, refused, failing, shuffled] as const),
  ...([drawing, drawing, checkpoint, deletion, change, line, pause, metadata] as const),
];

function sourceOf(steps: string, end: string): string {
  return `
export default async function fetchData(nango: any) {
  const kept: string[] = [];
  const draws: unknown[] = [];
  const get = async (endpoint: string, params = {}, retries = 0): Promise<any> =>
    (await nango.get({ endpoint, params, retries })).data;
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const keep = async ({ rows }: any) => {
    await nango.batchSave(rows, 'Task');
    for (const { id } of rows) kept.push(id);
  };
  const draw = async (value: unknown) => {
    draws.push(value);
    await nango.batchSave([{ id: 'draw-' + draws.length, value }], 'Draw');
  };
  await nango.log('begins at ' + JSON.stringify(await nango.getCheckpoint()));
${steps}
  await nango.batchSave([{ id: 'all', values: draws }], 'Draw');
  await nango.log('ends');
  ${end}
}
`;
}
