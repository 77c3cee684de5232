import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createSecretBox } from '../../store/secret-box.ts';

const key = () => randomBytes(32).toString('base64');

test('a sealed text opens to itself', () => {
  const box = createSecretBox(key());
  expect(box.open(box.seal('pässword \u0000 🔑'))).toBe('pässword \u0000 🔑');
  expect(box.open(box.seal(''))).toBe('');
});

test('the same text never seals to the same envelope, and the envelope does not show it', () => {
  const box = createSecretBox(key());
  expect(box.seal('secret')).not.toBe(box.seal('secret'));
  expect(box.seal('secret')).not.toContain('secret');
});

test('an envelope of another key is refused naming both key ids', () => {
  const sealed = createSecretBox(key()).seal('secret');
  expect(() => createSecretBox(key()).open(sealed)).toThrow(
    expect.objectContaining({
      code: 'configuration_invalid',
      message: expect.stringMatching(/'[0-9a-f]{8}'.*'[0-9a-f]{8}'/),
    }),
  );
});

test.each([
  [
    'a flipped bit',
    (text: string) => Buffer.from(text, 'base64').map((byte, index) => (index === 30 ? byte ^ 1 : byte)),
  ],
  ['a missing end', (text: string) => Buffer.from(text, 'base64').subarray(0, -1)],
  ['nothing left', () => Buffer.alloc(0)],
  ['a tag cut short', (text: string) => Buffer.from(text, 'base64').subarray(0, 16)],
])('a damaged envelope (%s) is an internal fault, never another text', (_, damage) => {
  const box = createSecretBox(key());
  const [version, id, text = ''] = box.seal('a secret of some length').split(':');
  const damaged = [version, id, Buffer.from(damage(text)).toString('base64')].join(':');
  expect(() => box.open(damaged)).toThrow(expect.objectContaining({ code: 'internal' }));
});

test('a text that is no envelope at all is refused', () => {
  expect(() => createSecretBox(key()).open('plain')).toThrow(expect.objectContaining({ code: 'internal' }));
});

test.each(['', 'c2hvcnQ=', randomBytes(33).toString('base64')])('a key of the wrong length is refused: %j', (wrong) => {
  expect(() => createSecretBox(wrong)).toThrow(expect.objectContaining({ code: 'configuration_invalid' }));
});
