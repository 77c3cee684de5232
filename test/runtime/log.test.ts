import { expect, test } from '@jest/globals';
import { createLog } from '../../runtime/log.ts';

const AT = new Date('2026-01-01T00:00:00.000Z');
const SECRETS = ['authorization', 'Set-Cookie', 'password', 'clientSecret', 'access_token', 'apiKey', 'privateKey'];

function logged(fields: Record<string, unknown>): unknown {
  const lines: string[] = [];
  const log = createLog(
    (line) => lines.push(line),
    () => AT,
  );
  log('run.ended', fields);
  expect(lines).toEqual([expect.stringMatching(/^[^\n]*\n$/)]);
  return JSON.parse(lines[0] ?? '');
}

test('an event is one line with its time and name, whatever its fields hold', () => {
  const at = AT.toISOString();
  expect(logged({ run: 'r1', text: 'two\nlines' })).toEqual({ at, event: 'run.ended', run: 'r1', text: 'two\nlines' });
});

test.each(SECRETS)('a field named %s is masked at any depth', (name) => {
  const line = logged({ [name]: 'hidden', headers: [{ [name]: { raw: 'hidden' } }] });
  expect(JSON.stringify(line)).not.toContain('hidden');
  expect(line).toMatchObject({ [name]: '***', headers: [{ [name]: '***' }] });
});

test('errors keep name and message, big numbers their digits, and absent secrets stay absent', () => {
  const line = logged({ error: new TypeError('no'), big: 12345678901234567890n, token: null });
  expect(line).toMatchObject({ error: { name: 'TypeError', message: 'no' }, big: '12345678901234567890', token: null });
});
