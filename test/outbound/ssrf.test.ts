import { expect, test } from '@jest/globals';
import { createAddressPolicy } from '../../outbound/ssrf.ts';

const strict = createAddressPolicy([]);

function resolve(name: string, allow: readonly string[]): Promise<unknown> {
  const { lookup } = createAddressPolicy(allow);
  return new Promise((done, fail) => {
    lookup(name, { all: true }, (error, addresses) => (error ? fail(error) : done(addresses)));
  });
}

test.each([
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0177.0.0.1/',
  'http://0/',
  'http://0.0.0.0/',
  'http://10.1.2.3/',
  'http://172.16.0.1/',
  'http://192.168.1.1/',
  'http://169.254.169.254/latest/meta-data',
  'http://100.64.0.1/',
  'http://100.100.100.200/',
  'http://168.63.129.16/',
  'http://192.0.2.1/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://[::1]/',
  'http://[::]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::7f00:1]/',
  'http://[fe80::1]/',
  'http://[fc00::1]/',
  'http://[fd00:ec2::254]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://[2001::1]/',
  'http://[ff02::1]/',
  'http://[2001:db8::1]/',
  'http://１２７.0.0.1/',
])('%s is refused (U095)', (url) => {
  expect(() => strict.check(new URL(url))).toThrow(expect.objectContaining({ code: 'upstream_refused' }));
});

test.each([
  'https://8.8.8.8/',
  'https://[2606:4700::1111]/',
  'https://[64:ff9b::808:808]/',
  'https://api.example.com/',
  'http://localhost/',
])('%s is connected to through the guarded lookup', (url) => {
  expect(strict.check(new URL(url))).toBe('guarded');
});

test.each(['ftp://example.com/', 'file:///etc/passwd', 'http://user@example.com/', 'http://:pw@example.com/'])(
  '%s is refused',
  (url) => {
    expect(() => strict.check(new URL(url))).toThrow(/is refused: expected/);
  },
);

test('the password of a refused URL is not shown', () => {
  expect(() => strict.check(new URL('http://user:secret@example.com/'))).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('secret') }),
  );
});

test('a name that resolves to loopback is refused after resolution (U095)', async () => {
  await expect(resolve('localhost', [])).rejects.toMatchObject({ code: 'upstream_refused' });
});

test('a name keeps only the addresses that a range allows', async () => {
  await expect(resolve('localhost', ['127.0.0.0/8'])).resolves.toEqual([{ address: '127.0.0.1', family: 4 }]);
});

test.each([
  ['localhost', 'http://localhost:4010/', 'open'],
  ['localhost:4010', 'http://localhost:4010/', 'open'],
  ['LOCALHOST:80', 'http://localhost/', 'open'],
  ['intranet:443', 'https://intranet/', 'open'],
  ['127.0.0.1:4010', 'http://127.0.0.1:4010/', 'open'],
  ['[::1]:4010', 'http://[::1]:4010/', 'open'],
  ['10.0.0.0/8', 'http://10.1.2.3/', 'guarded'],
  ['10.0.0.0/8', 'http://[::ffff:10.1.2.3]/', 'guarded'],
  ['127.0.0.1', 'http://127.0.0.1:9/', 'guarded'],
  ['::1', 'http://[::1]:9/', 'guarded'],
  ['fd00::/8', 'http://[fd12::1]/', 'guarded'],
])('with %s allowed, %s is %s', (entry, url, expected) => {
  expect(createAddressPolicy([entry]).check(new URL(url))).toBe(expected);
});

test.each([
  ['127.0.0.1:4010', 'http://127.0.0.1:4011/'],
  ['10.0.0.0/8', 'http://192.168.0.1/'],
  ['[::1]:80', 'http://[::1:80]/'],
  ['127.0.0.1', 'http://127.0.0.2/'],
])('with %s allowed, %s stays refused', (entry, url) => {
  expect(() => createAddressPolicy([entry]).check(new URL(url))).toThrow(/NANGO_OUTBOUND_ALLOW/);
});

test('a host allowed on one port is not open on another', () => {
  expect(createAddressPolicy(['localhost:4010']).check(new URL('http://localhost:22/'))).toBe('guarded');
});

test('all entries that cannot be read are reported at once', () => {
  expect(() => createAddressPolicy(['http://x', 'ok', '10.0.0.0/99', ''])).toThrow(
    expect.objectContaining({
      code: 'configuration_invalid',
      details: { mistakes: [expect.stringContaining("'http://x'"), expect.stringContaining("'10.0.0.0/99'")] },
    }),
  );
});
