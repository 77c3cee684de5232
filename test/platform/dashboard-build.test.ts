import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from '@jest/globals';
import { buildDashboard, DASHBOARD_FOLDER } from '../../platform/dashboard-build.ts';

beforeAll(async () => {
  expect(await buildDashboard(() => undefined)).toBe(true);
}, 180_000);

const read = (path: string) => readFileSync(join(DASHBOARD_FOLDER, path), 'utf8');

test('the scripts of both pages together are at most 350 KB as a browser loads them', () => {
  const scripts = readdirSync(join(DASHBOARD_FOLDER, 'assets')).filter((name) => name.endsWith('.js'));
  const bytes = scripts.reduce((sum, name) => sum + gzipSync(read(join('assets', name))).length, 0);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThanOrEqual(350 * 1_024);
});

test.each(['index.html', 'connect.html'])(
  '%s loads only files of this server, and none that is written into it',
  (page) => {
    const html = read(page);
    const addresses = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address ?? '');
    expect(addresses.filter((address) => !/^\/assets\/|^data:,$/.test(address))).toEqual([]);
    expect(addresses.length).toBeGreaterThan(1);
    expect(html).not.toMatch(/<script[^>]*>[^<]/);
  },
);

test('pages that match their sources are not built again', async () => {
  const said: string[] = [];
  expect(await buildDashboard((line) => said.push(line))).toBe(true);
  expect(said).toEqual([]);
});
