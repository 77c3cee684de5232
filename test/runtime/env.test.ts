import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readSettings } from '../../runtime/env.ts';

test('without any variable, everything has its default and nothing is external', () => {
  expect(readSettings({})).toMatchObject({ SERVER_PORT: 3003, TEMPORAL_UI_PORT: 8233, NANGO_DATA_DIR: '.local' });
  expect(readSettings({})).not.toHaveProperty('DATABASE_URL');
});

test('every faulty variable is named at once, with what is wrong with it', () => {
  const wrong = { SERVER_PORT: '70000', NANGO_SCRIPT_CPU_MS: 'soon', DATABASE_URL: 'mysql://x', TEMPORAL_UI_URL: 'ui' };
  expect(() => readSettings(wrong)).toThrow(
    expect.objectContaining({
      code: 'configuration_invalid',
      details: { mistakes: Object.keys(wrong).map(() => expect.any(String)) },
    }),
  );
  for (const name of Object.keys(wrong)) expect(() => readSettings(wrong)).toThrow(name);
});

test('a faulty value is not repeated, since it may be a secret', () => {
  expect(() => readSettings({ DATABASE_URL: 'mysql://me:hidden@db' })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hidden') }),
  );
});

test('an empty variable is an absent one', () => {
  expect(readSettings({ SERVER_PORT: '', DATABASE_URL: '' }).SERVER_PORT).toBe(3003);
});

test.each([
  ['a.test:80, 10.0.0.0/8', ['a.test:80', '10.0.0.0/8']],
  ['a.test\n  b.test', ['a.test', 'b.test']],
  [' , ', []],
])('NANGO_OUTBOUND_ALLOW %j is a list', (text, hosts) => {
  expect(readSettings({ NANGO_OUTBOUND_ALLOW: text }).NANGO_OUTBOUND_ALLOW).toEqual(hosts);
});

test('settings cannot be changed once they are read', () => {
  expect(Object.isFrozen(readSettings({}))).toBe(true);
});

test('a setting may be in a file; one that is given itself wins, and a file that is not there is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nango-test-settings-'));
  const file = join(folder, 'key');
  await writeFile(file, 's3cret\n');
  expect(readSettings({ NANGO_ENCRYPTION_KEY_FILE: file }).NANGO_ENCRYPTION_KEY).toBe('s3cret');
  expect(readSettings({ NANGO_ENCRYPTION_KEY_FILE: file, NANGO_ENCRYPTION_KEY: 'own' }).NANGO_ENCRYPTION_KEY).toBe(
    'own',
  );
  await rm(folder, { recursive: true });
  expect(() => readSettings({ NANGO_ENCRYPTION_KEY_FILE: file })).toThrow(`NANGO_ENCRYPTION_KEY_FILE: '${file}'`);
});

test('a role that no worker has is refused', () => {
  expect(readSettings({ NANGO_WORKER_ROLES: 'syncs' }).NANGO_WORKER_ROLES).toEqual(['syncs']);
  expect(() => readSettings({ NANGO_WORKER_ROLES: 'sync' })).toThrow(/NANGO_WORKER_ROLES: expected 'actions'/);
});
