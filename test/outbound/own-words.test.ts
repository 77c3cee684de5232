import { expect, test } from '@jest/globals';
import { ownWords } from '../../outbound/auth/own-words.ts';

const said = (answer: unknown) => ownWords(Buffer.from(JSON.stringify(answer)), 'application/json');

test.each([
  [{ error: 'invalid_key', error_description: 'The key has ended' }, 'The key has ended'],
  [{ error: { code: 401, message: 'Unknown key' } }, 'Unknown key'],
  [{ message: 'Bad credentials', documentation_url: 'https://x.example' }, 'Bad credentials'],
  [{ errors: [{ title: 'Unauthorized', detail: 'Token is revoked' }] }, 'Token is revoked'],
  [{ errors: ['No access'] }, 'No access'],
  [{ error: 'unauthorized' }, 'unauthorized'],
  [{ status: 401 }, undefined],
  [[], undefined],
  [{ error: '', message: null }, undefined],
])('of %j the words are %s', (answer, words) => {
  expect(said(answer)).toBe(words);
});

test('text is taken as it is, pages are not, and all of it has a bound', () => {
  const of = (text: string, type: string) => ownWords(Buffer.from(text), type);
  expect(of(' Invalid key\n', 'text/plain; charset=utf-8')).toBe('Invalid key');
  expect(of('', 'text/plain')).toBeUndefined();
  expect(of('<html>no</html>', 'text/html')).toBeUndefined();
  expect(of('x'.repeat(1_000), 'text/plain')).toHaveLength(300);
});
