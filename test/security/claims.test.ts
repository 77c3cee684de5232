import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const PROJECT = new URL('../../', import.meta.url);

test('every test that SECURITY.md names is there', () => {
  const text = readFileSync(new URL('SECURITY.md', PROJECT), 'utf8');
  const named = [...new Set([...text.matchAll(/`(test\/[\w./-]+)`/g)].map(([, path]) => path ?? ''))];
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(new URL(path, PROJECT)))).toEqual([]);
});

test('each defence, layer and promise of SECURITY.md names the test that shows it', () => {
  const text = readFileSync(new URL('SECURITY.md', PROJECT), 'utf8');
  const rows = text.split('\n').filter((line) => /^\| (?!who |---)/.test(line));
  const bullets = text.match(/^(?:\d\.|-) .*(?:\n {2,}.*)*/gm) ?? [];
  expect([rows.length, bullets.length]).toEqual([10, 8]);
  expect([...rows, ...bullets].filter((claim) => !/`test\/[\w./-]+`/.test(claim))).toEqual([]);
});
