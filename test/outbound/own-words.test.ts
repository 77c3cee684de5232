import { expect, test } from '@jest/globals';
import { ownWords } from '../../outbound/auth/own-words.ts';

const said = (answer: unknown) => ownWords(JSON.stringify(answer), 'application/json', (words) => words);

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
  const of = (text: string, type: string) => ownWords(text, type, (words) => words);
  expect(of(' Invalid key\n', 'text/plain; charset=utf-8')).toBe('Invalid key');
  expect(of('', 'text/plain')).toBeUndefined();
  expect(of('<html>no</html>', 'text/html')).toBeUndefined();
  expect(of('x'.repeat(1_000), 'text/plain')).toHaveLength(300);
});

test('a secret that the bound would cut through is hidden before', () => {
  const hide = (words: string) => words.replaceAll('sk_live_1', '***');
  expect(ownWords(`${'x'.repeat(295)}sk_live_1`, 'text/plain', hide)).toBe(`${'x'.repeat(295)}***`);
});
