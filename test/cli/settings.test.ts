import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { findProject } from '../../cli/project.ts';
import { readSettings, secretKey } from '../../cli/settings.ts';
import { useFolders } from '../support/cli.ts';

const folders = useFolders();

async function createProject(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const parent = await folders.create();
  await mkdir(join(parent, 'nango-integrations'));
  await writeFile(join(parent, 'nango-integrations', 'nango.yaml'), 'integrations: {}\n');
  for (const [name, text] of Object.entries(files)) await writeFile(join(parent, name), text);
  return parent;
}

test('a project is found from its own folder and from the folder around it', async () => {
  const parent = await createProject();
  const folder = join(parent, 'nango-integrations');
  expect(findProject(parent)).toEqual({ folder, form: 'yaml' });
  expect(findProject(folder)).toEqual({ folder, form: 'yaml' });
  expect(findProject(await folders.create())).toBeUndefined();
});

test('the environment beats .env of the project, which beats .env of the folder around it', async () => {
  const parent = await createProject({
    '.env': 'NANGO_SECRET_KEY_DEV=outer\nNANGO_SECRET_KEY_PROD=outer\nNANGO_SECRET_KEY=outer\n',
    'nango-integrations/.env': 'NANGO_SECRET_KEY_DEV=inner\nNANGO_SECRET_KEY_PROD=inner\n',
  });
  const settings = readSettings(parent, { NANGO_SECRET_KEY_DEV: 'environment' }, findProject(parent));
  expect(secretKey(settings, 'dev').key).toBe('environment');
  expect(secretKey(settings, 'prod').key).toBe('inner');
  expect(secretKey(settings, 'staging')).toEqual({ key: 'outer', variable: 'NANGO_SECRET_KEY' });
});

test('what a platform left in .local of the project or of the folder around it counts last', async () => {
  const parent = await createProject({ '.env': 'NANGO_SECRET_KEY_DEV=outer\n' });
  await mkdir(join(parent, '.local'));
  const started = 'NANGO_HOSTPORT=http://localhost:3103\nNANGO_SECRET_KEY_DEV=started\nNANGO_SECRET_KEY_PROD=started\n';
  await writeFile(join(parent, '.local', '.env'), started);
  const settings = readSettings(parent, {}, findProject(parent));
  expect([settings.server, settings.envFile]).toEqual(['http://localhost:3103', 'nango-integrations/.env']);
  expect(['dev', 'prod'].map((environment) => secretKey(settings, environment).key)).toEqual(['outer', 'started']);
  await mkdir(join(parent, 'nango-integrations', '.local'));
  await writeFile(join(parent, 'nango-integrations', '.local', '.env'), 'NANGO_SECRET_KEY_PROD=inner\n');
  expect(secretKey(readSettings(parent, {}, findProject(parent)), 'prod').key).toBe('inner');
  expect(secretKey(readSettings(parent, {}, undefined), 'prod').key).toBe('started');
});

test('an empty value counts as none', async () => {
  const parent = await createProject({ 'nango-integrations/.env': 'NANGO_SECRET_KEY_DEV=\nNANGO_SECRET_KEY=common\n' });
  const settings = readSettings(parent, { NANGO_SECRET_KEY: '' }, findProject(parent));
  expect(secretKey(settings, 'dev').key).toBe('common');
});

test('the key of an environment with odd characters in its name has them as underscores', () => {
  const settings = readSettings('/', { NANGO_SECRET_KEY_EU_WEST_1: 'k' }, undefined);
  expect(secretKey(settings, 'eu-west.1').variable).toBe('NANGO_SECRET_KEY_EU_WEST_1');
});

test('a missing key is reported with its variable, the file for it and where keys come from', () => {
  const settings = readSettings('/', {}, undefined);
  expect(() => secretKey(settings, 'prod')).toThrow(
    /'prod'.*NANGO_SECRET_KEY_PROD \(or NANGO_SECRET_KEY\).*'\.env'.*npm start/,
  );
});

test.each([
  [undefined, 'http://localhost:3003'],
  ['http://localhost:3103/', 'http://localhost:3103'],
  ['https://nango.example/base/', 'https://nango.example/base'],
  ['http://[::1]:3003', 'http://[::1]:3003'],
])('NANGO_HOSTPORT %p is the server %s', (text, server) => {
  expect(readSettings('/', { NANGO_HOSTPORT: text }, undefined).server).toBe(server);
});

test.each(['localhost:3003', 'ftp://host', 'not an address', 'http://user:secret@host'])(
  'NANGO_HOSTPORT %p is refused, and what may be a password is not shown',
  (text) => {
    const read = () => readSettings('/', { NANGO_HOSTPORT: text }, undefined);
    expect(read).toThrow(/NANGO_HOSTPORT '.*' is no address of a server: expected http/);
    expect(read).not.toThrow(/secret/);
  },
);
