import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { loadProviders } from '../../outbound/catalogue.ts';

const folder = mkdtempSync(join(tmpdir(), 'providers-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const file = join(folder, 'mine.yaml');
  writeFileSync(file, text);
  return file;
}

test('asana, slack, github and discord are known from the start', () => {
  const catalogue = loadProviders();
  expect(catalogue.get('github')).toMatchObject({
    name: 'github',
    auth_mode: 'OAUTH2',
    proxy: { base_url: 'https://api.github.com', retry: { at: ['x-ratelimit-reset'] } },
  });
  expect(['asana', 'slack', 'discord'].map((name) => catalogue.get(name).proxy?.base_url)).toEqual([
    'https://app.asana.com',
    'https://slack.com/api',
    'https://discord.com',
  ]);
});

test("the operator's file adds providers and replaces ours whole", () => {
  const file = fileOf('acme:\n  auth_mode: API_KEY\ngithub:\n  auth_mode: BASIC\n');
  const catalogue = loadProviders({ file });
  expect(catalogue.get('acme')).toEqual({ name: 'acme', auth_mode: 'API_KEY' });
  expect(catalogue.get('github')).toEqual({ name: 'github', auth_mode: 'BASIC' });
  expect(catalogue.has('slack')).toBe(true);
});

test('an alias takes over what it does not set itself; its proxy replaces the whole proxy', () => {
  const file = fileOf('gh:\n  alias: github\n  display_name: GH\n  proxy:\n    base_url: https://gh.example.com\n');
  const gh = loadProviders({ file }).get('gh');
  expect(gh).toMatchObject({ name: 'gh', display_name: 'GH', auth_mode: 'OAUTH2' });
  expect(gh.proxy).toEqual({ base_url: 'https://gh.example.com' });
});

test('an entry whose alias is its own name stands on ours', () => {
  const github = loadProviders({ file: fileOf('github:\n  alias: github\n  display_name: Ours\n') }).get('github');
  expect(github).toMatchObject({ display_name: 'Ours', proxy: { base_url: 'https://api.github.com' } });
});

test('keys of the grammar that are not used yet are kept', () => {
  const file = fileOf('acme:\n  auth_mode: API_KEY\n  connection_config:\n    region: { type: string }\n');
  expect(loadProviders({ file }).get('acme')).toHaveProperty('connection_config.region.type', 'string');
});

test('all mistakes of a file are reported at once, each with its position', () => {
  const file = fileOf(
    'one:\n  auth_mode: OAUTH3\ntwo:\n  auth_mode: BASIC\n  proxy:\n    base_url: 7\nthree: x\nfour:\n  alias: nobody\nfive:\n  alias: six\nsix:\n  alias: five\n',
  );
  expect(() => loadProviders({ file })).toThrow(
    expect.objectContaining({
      code: 'configuration_invalid',
      details: {
        mistakes: [
          expect.stringMatching(/^mine\.yaml:2:3 Provider 'one': 'auth_mode': .*OAUTH1/),
          expect.stringMatching(/^mine\.yaml:6:5 Provider 'two': 'proxy.base_url': .*string/),
          expect.stringMatching(/^mine\.yaml:7:1 Provider 'three': expected a map/),
          expect.stringMatching(/^mine\.yaml:9:3 Provider 'four': alias 'nobody' is no provider/),
          expect.stringMatching(/^mine\.yaml:11:3 Provider 'five': alias 'six' leads back to itself/),
          expect.stringMatching(/^mine\.yaml:13:3 Provider 'six': alias 'five' leads back to itself/),
        ],
      },
    }),
  );
});

test.each([
  ['no YAML', 'a: [1', /mine\.yaml:1:\d+ /],
  ['a list', '- a\n', /mine\.yaml:1:1 expected a map/],
])('a file that is %s is refused with its position', (_, text, message) => {
  expect(() => loadProviders({ file: fileOf(text) })).toThrow(message);
});

test('an empty file adds nothing', () => {
  expect(loadProviders({ file: fileOf('# nothing yet\n') }).list()).toEqual(loadProviders().list());
});

test('a file that is not there is named with its setting', () => {
  expect(() => loadProviders({ file: join(folder, 'gone.yaml') })).toThrow(
    /'gone.yaml' cannot be read \(ENOENT\): check NANGO_PROVIDERS_FILE/,
  );
});

test('an unknown provider is an error that suggests similar names', () => {
  expect(() => loadProviders().get('git')).toThrow(
    expect.objectContaining({
      code: 'unknown_provider',
      message: expect.stringContaining("Did you mean 'github', 'github-app', "),
    }),
  );
});
