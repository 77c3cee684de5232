// biome-ignore-all lint/suspicious/noTemplateCurlyInString: provider files write their values so
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { formatMoment } from '../../outbound/moment.ts';
import { fillTemplate, namesIn } from '../../outbound/template.ts';

const NOW = new Date('2026-03-05T14:03:09.045Z');
const names: Readonly<Record<string, string>> = { user: 'ada', key: 'k', odd: '} || ${user}', a: '1' };
const values = { now: NOW, lookup: (name: string) => (Object.hasOwn(names, name) ? names[name] : undefined) };
const fill = (template: string) => fillTemplate(template, values);

// Digests made with `printf … | openssl dgst -sha256` and `-sha1 -hmac k`.
test.each([
  ['Basic ${base64(${user}:${key})}', 'Basic YWRhOms='],
  ['${base64(x)}', 'eA=='],
  ['${ user }', 'ada'],
  ['${sha256Hex(${user})}', 'fdee430d40bd57deeac186cd9790033d0f06f909a8806e7ce6e717ab7c7d5029'],
  ['${hmacSha1Hex(${user}\n${a}, ${key})}', '03fcfa3d335cf0c4ad01b1210df98ee13114516b'],
  ['${base64(${base64(${key})})}', 'YXc9PQ=='],
  ['${odd}', '} || ${user}'],
  ['${none} || ${base64(${none})} || ${user}', 'ada'],
  ['https://${none}.example.com || https://example.com', 'https://example.com'],
  ['{"a": ${a}}', '{"a": 1}'],
  ['${unclosed', '${unclosed'],
  ['${now}', '2026-03-05T14:03:09.045Z'],
  ['${now:YYYYMMDDTHHmmss[Z]}', '20260305T140309Z'],
  ['${now+7:days:YYYY-MM-DD}', '2026-03-12'],
  ['${now+1:minute:X}', '1772719449'],
  ['${now+2:hours}', '2026-03-05T16:03:09.045Z'],
  ['${sha256Base64(${user})}', '/e5DDUC9V97qwYbNl5ADPQ8G+QmogG585ucXq3x9UCk='],
])('%s becomes %s', (template, text) => {
  expect(fill(template)).toEqual({ text });
});

test.each([
  ['${none}', 'none'],
  ['a ${user} ${none}', 'none'],
  ['${base64(${none})}', 'none'],
  ['${nothing(${user})}', 'nothing(${user})'],
  ['${hmacSha1Hex(x)}', 'hmacSha1Hex(x)'],
  ['${ed25519Sign(x, no key)}', 'ed25519Sign(x, no key)'],
  ['${none} || ${user} ${never}', 'none'],
  ['${now+1:moons:X}', 'now+1:moons:X'],
  ['${fingerprint(no key)}', 'fingerprint(no key)'],
  ['${awsSigV4(id, secret, eu-west-1, iam)}', 'awsSigV4(id, secret, eu-west-1, iam)'],
  ['${constructor}', 'constructor'],
  ['${constructor(1)}', 'constructor(1)'],
])('%s lacks %s', (template, missing) => {
  expect(fill(template)).toEqual({ missing });
});

test('without a moment, now is missing', () => {
  expect(fillTemplate('${now}', { ...values, now: undefined })).toEqual({ missing: 'now' });
});

test('ed25519Sign signs with a key in each of its spellings', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  const raw = der.subarray(-32);
  const spellings = [
    privateKey.export({ format: 'pem', type: 'pkcs8' }),
    der.toString('base64'),
    raw.toString('base64'),
  ];
  for (const spelling of spellings) {
    const lookup = (name: string) => (name === 'pem' ? String(spelling) : 'a, b');
    const filled = fillTemplate('${ed25519Sign(${message}, ${pem})}', { now: NOW, lookup });
    const signature = Buffer.from('text' in filled ? filled.text : '', 'base64');
    expect(verify(null, Buffer.from('a, b'), createPublicKey(privateKey), signature)).toBe(true);
  }
});

// The example that AWS signs step by step in its documentation of Signature Version 4.
test('awsSigV4 signs the call at hand', () => {
  const call: Readonly<Record<string, string>> = {
    method: 'GET',
    host: 'iam.amazonaws.com',
    path: '/',
    params: 'Version=2010-05-08&Action=ListUsers',
    contentType: 'application/x-www-form-urlencoded; charset=utf-8',
    secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  };
  const now = new Date('2015-08-30T12:36:00Z');
  expect(
    fillTemplate('${awsSigV4(AKIDEXAMPLE, ${secret}, us-east-1, iam)}', { now, lookup: (name) => call[name] }),
  ).toEqual({
    text:
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, ' +
      'SignedHeaders=content-type;host;x-amz-date, ' +
      'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  });
});

test('fingerprint names the public key of a private one', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const digest = createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('base64');
  expect(fillTemplate('${fingerprint(${key})}', { now: NOW, lookup: () => pem })).toEqual({ text: `SHA256:${digest}` });
});

test('the names a template reads are found, also inside of functions and in every alternative', () => {
  expect(namesIn('${a.b} ${base64(${c}:${sha256Hex(${d})})} || ${e} || f ${now:YYYY}')).toEqual(['a.b', 'c', 'd', 'e']);
});

test.each([
  ['ddd, DD MMM YYYY HH:mm:ss ZZ', 'Thu, 05 Mar 2026 14:03:09 +0000'],
  ['YYYY-MM-DDTHH:mm:ss.SSSZ', '2026-03-05T14:03:09.045+00:00'],
  ['YY-M-D H:m:s', '26-3-5 14:3:9'],
  ['dddd MMMM hh:mm A, h a', 'Thursday March 02:03 PM, 2 pm'],
  ['X', '1772719389'],
  ['x', '1772719389045'],
  ['[at] YYYY', 'at 2026'],
])('the moment as %s is %s', (format, text) => {
  expect(formatMoment(NOW, format)).toBe(text);
});
