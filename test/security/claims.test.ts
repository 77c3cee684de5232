import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const PROJECT = new URL('../../', import.meta.url);

test('every test that SECURITY.md names is there', () => {
  const text = readFileSync(new URL('SECURITY.md', PROJECT), 'utf8');
  const named = [...new Set([...text.matchAll(/`(test\/[\w./-]+)`/g)].map(([, path]) => path ?? ''))];
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(new URL(path, PROJECT)))).toEqual([]);
});
