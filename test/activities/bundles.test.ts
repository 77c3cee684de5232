import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { createByteCache } from '../../activities/byte-cache.ts';
import { loadBundle } from '../../activities/bundles.ts';
import type { Dependencies } from '../../activities/dependencies.ts';
import { saveBundle } from '../../store/scripts.ts';
import { useDatabase } from '../support/database.ts';
import { START } from '../support/rows.ts';

const database = useDatabase();
const MIB = 2 ** 20;

test('a cache holds as many bytes as it may, and what was used least lately goes first', () => {
  const cache = createByteCache<string>(10);
  cache.set('a', 'A', 4);
  cache.set('b', 'B', 4);
  expect(cache.get('a')).toBe('A');
  cache.set('c', 'C', 4);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual(['A', undefined, 'C']);
  cache.set('a', 'longer', 10);
  expect([cache.get('a'), cache.get('c')]).toEqual(['longer', undefined]);
  cache.set('huge', 'H', 11);
  expect([cache.get('a'), cache.get('huge')]).toEqual(['longer', undefined]);
});

test('U106: a worker that has loaded far more script versions than fit keeps its memory bounded', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = (): number => {
    collect();
    // Long texts that came over a socket are outside of the heap.
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / MIB;
  };
  const deps = { db: database.pool } as Dependencies;
  const before = held();
  for (let version = 0; version < 180; version += 1) {
    // Of one letter, which Postgres packs at once; read back it is as long as any other text.
    const bundle = { hash: `v${version}`, file: 'a.ts', code: `//${version}`.padEnd(MIB, '.'), sourceMap: '' };
    const hash = await saveBundle(database.pool, bundle, START);
    expect((await loadBundle(deps, hash, new AbortController().signal)).code).toBe(bundle.code);
  }
  expect(held() - before).toBeLessThan(100);
}, 120_000);
