import { posix, win32 } from 'node:path';
import { expect, test } from '@jest/globals';
import { placeIn, withSlashes } from '../../cli/place.ts';

test.each([
  ['C:\\work\\my integrations', 'C:\\work\\my integrations\\github\\syncs\\issues.ts', 'github/syncs/issues.ts'],
  ['C:\\work\\app', 'c:\\Work\\app\\index.ts', 'index.ts'],
  ['C:\\work\\app', 'C:\\work\\packages\\shared\\index.ts', '../packages/shared/index.ts'],
  ['C:\\work\\app', 'C:/work/app/a/b.ts', 'a/b.ts'],
  ['C:\\work\\app', 'D:\\other\\b.ts', 'D:/other/b.ts'],
  ['\\\\server\\share\\app', '\\\\server\\share\\app\\a\\b.ts', 'a/b.ts'],
])('on Windows, from %s the file %s is %s', (folder, path, place) => {
  expect(placeIn(folder, path, win32)).toBe(place);
});

test('where a backslash is part of a name it stays one', () => {
  expect(placeIn('/work', '/work/a\\b/c.ts', posix)).toBe('a\\b/c.ts');
});

test('a whole path keeps its drive', () => {
  expect(withSlashes('C:\\work\\my integrations', win32)).toBe('C:/work/my integrations');
});
