import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

/** Licences whose terms an Apache-2.0 program that is deployed and passed on can keep without further thought. */
const ALLOWED = new Set([
  ...['MIT', 'MIT-0', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'Python-2.0'],
  // Of data about browsers, which a bundler brings; its authors are named in the package.
  'CC-BY-4.0',
  ...['CC0-1.0', 'Unlicense', 'PostgreSQL', 'Zlib'],
]);

/** Packages that name none in their package.json; read from their file LICENSE. */
const BY_FILE: Readonly<Record<string, string>> = { 'node_modules/unionfs': 'Unlicense' };

type Locked = {
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly link?: boolean;
};

const PACKAGES: Readonly<Record<string, Locked>> = JSON.parse(
  readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'),
).packages;

/** `MIT OR X` needs one that is allowed, `MIT AND X` all. */
function isAllowed(licence: string): boolean {
  const text = licence.replaceAll(/[()]/g, '');
  return text.split(' OR ').some((choice) => choice.split(' AND ').every((one) => ALLOWED.has(one.trim())));
}

/** What the lock file says, or the package itself where it is installed. */
function licenceOf(path: string, locked: Locked): string {
  const file = new URL(`../../${path}/package.json`, import.meta.url);
  const own = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  return BY_FILE[path] ?? locked.license ?? own.license ?? own.licenses?.[0]?.type ?? 'none';
}

test('every package that a server runs has a licence that allows it', () => {
  const used = Object.entries(PACKAGES).filter(([path, { dev = false }]) => path !== '' && !dev);
  const refused = used
    .map(([path, locked]) => `${path}: ${licenceOf(path, locked)}`)
    .filter((line) => {
      return !isAllowed(line.slice(line.indexOf(': ') + 2));
    });
  expect(used.length).toBeGreaterThan(50);
  expect(refused).toEqual([]);
});

test('a licence that is not on the list is refused, also beside one that is', () => {
  expect(['Elastic-2.0', 'GPL-3.0', 'none', 'MIT AND GPL-3.0'].map(isAllowed)).toEqual([false, false, false, false]);
  expect(['MIT', '(MIT OR GPL-3.0)', 'MIT AND ISC'].map(isAllowed)).toEqual([true, true, true]);
});
