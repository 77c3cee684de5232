import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ms, { type StringValue } from 'ms';
import { parse } from 'yaml';
import { readSettings, SETTINGS } from '../runtime/env.ts';

const PROJECT = new URL('../', import.meta.url);
const COMPOSE = read('docker-compose.yml');
const FORCED_STOP_MS = 20_000;

type Service = {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: unknown;
  readonly configs?: readonly { readonly source: string }[];
  readonly secrets?: readonly string[];
};
type Compose = {
  readonly services: Readonly<Record<string, Service>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
};

function read(path: string): string {
  return readFileSync(new URL(path, PROJECT), 'utf8');
}

function compose(text = COMPOSE): Compose {
  return parse(text, { merge: true });
}

/** `[service, definition]` of all, or of those that run our own image. */
function services(which: 'all' | 'ours'): [string, Service][] {
  return Object.entries(compose().services).filter(([, { build }]) => which === 'all' || build !== undefined);
}

/** Whether the file a command runs, or the npm script, is in the project. */
function isThere([program, ...args]: readonly string[]): boolean {
  if (program === 'node')
    return existsSync(fileURLToPath(new URL(args.find((arg) => !arg.startsWith('-')) ?? '?', PROJECT)));
  const script = args.at(-1) ?? '';
  return program === 'npm' && args[0] === 'run' && script in JSON.parse(read('package.json')).scripts;
}

test('docker-compose.yml follows the schema of the Compose Specification', () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  const validate = ajv.compile(JSON.parse(read('test/fixtures/compose-spec/compose-spec.json')));
  validate(compose());
  expect(validate.errors).toBeNull();
});

test('every command of our image runs a file or an npm script of the project', () => {
  const commands = services('ours').map(([name, { command }]) => [name, command]);
  const fromDockerfile = JSON.parse(/^CMD (.*)$/m.exec(read('Dockerfile'))?.[1] ?? '[]');
  const missing = [...commands, ['Dockerfile', fromDockerfile]].filter(([, command = []]) => !isThere(command));
  expect(commands.length).toBeGreaterThan(2);
  expect(missing).toEqual([]);
});

test('every variable of our image is a setting, and together they are valid settings', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nango-test-compose-'));
  for (const name of Object.keys(compose().secrets)) await writeFile(join(folder, name), 'postgres://a1b2c3');
  for (const [, { environment = {} }] of services('ours')) {
    const names = Object.keys(environment).map((name) => name.replace(/_FILE$/, ''));
    expect(Object.keys(SETTINGS)).toEqual(expect.arrayContaining(names));
    const mounted = Object.entries(environment).map(([key, value]) => [key, value.replace('/run/secrets', folder)]);
    const read = readSettings(Object.fromEntries(mounted));
    expect(read).toMatchObject({ TEMPORAL_ADDRESS: 'temporal:7233', DATABASE_URL: 'postgres://a1b2c3' });
  }
  await rm(folder, { recursive: true });
});

test('every secret is a file of the folder of secrets, and no part has one as a variable or one that it does not use', () => {
  const { secrets, services: all, configs } = compose();
  expect(Object.entries(secrets).map(([name, { file }]) => file === `secrets/${name}`)).not.toContain(false);
  expect(Object.keys(secrets).length).toBeGreaterThan(4);
  // Neither into the repository nor into the image.
  expect(read('.gitignore').split('\n')).toContain('/secrets/');
  expect(read('.dockerignore').split('\n')).toContain('secrets');
  for (const { environment = {}, configs: mounted = [], secrets: given = [] } of Object.values(all)) {
    expect(Object.keys(environment).filter((key) => /(PASSWORD|PWD|KEY|DATABASE_URL)$/.test(key))).toEqual([]);
    const scripts = mounted.map(({ source }) => configs[source]?.content ?? '');
    const used = [...Object.values(environment), ...scripts]
      .flatMap((text) => [...text.matchAll(/\/run\/secrets\/([\w-]+)/g)])
      .map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual([...given].sort());
  }
});

test('the commands at the head of the file make every secret that it names', async () => {
  const commands = COMPOSE.split('\n')
    .filter((line) => line.startsWith('#   '))
    .map((line) => line.slice(4))
    .filter((line) => !line.startsWith('docker '));
  const folder = await mkdtemp(join(tmpdir(), 'nango-test-secrets-'));
  await promisify(execFile)('sh', ['-euc', commands.join('\n')], { cwd: folder });
  const { secrets } = compose();
  const texts = Object.values(secrets).map(({ file }) => readFileSync(join(folder, file), 'utf8').trim());
  expect(texts.map((text) => text.length > 20)).not.toContain(false);
  expect(new Set(texts).size).toBe(texts.length);
  await rm(folder, { recursive: true });
});

test('a stop leaves our processes more time than a worker takes before it ends runs by force', () => {
  for (const [, { stop_grace_period: grace = '10s' }] of services('ours'))
    expect(ms(grace as StringValue)).toBeGreaterThan(2 * FORCED_STOP_MS);
});

test('what runs for good is started again, and what others wait for has a health check', () => {
  const all = new Map(services('all'));
  const awaited = [...all.values()].flatMap(({ depends_on = {} }) => Object.entries(depends_on));
  const oneShots = awaited.filter(([, { condition }]) => condition === 'service_completed_successfully');
  const endless = [...all].filter(([name]) => !oneShots.some(([oneShot]) => oneShot === name));
  expect(endless.filter(([, { restart }]) => restart !== 'unless-stopped')).toEqual([]);
  expect(awaited.filter(([name]) => !all.has(name))).toEqual([]);
  const healthy = awaited.filter(([, { condition }]) => condition === 'service_healthy');
  expect(healthy.filter(([name]) => all.get(name)?.healthcheck === undefined)).toEqual([]);
});

test('our processes and Postgres write nowhere but to what they are given', () => {
  for (const [, service] of services('ours')) {
    expect(service).toMatchObject({ read_only: true, tmpfs: ['/tmp'], cap_drop: ['ALL'] });
  }
  expect(compose().services['postgres']).toMatchObject({
    read_only: true,
    tmpfs: ['/tmp', '/var/run/postgresql'],
    volumes: ['postgres:/var/lib/postgresql'],
  });
});

test('no part takes more memory and processes than it is given, or gains privileges', () => {
  const bounds = {
    mem_limit: expect.stringMatching(/^\d+[mg]$/),
    pids_limit: expect.any(Number),
    security_opt: ['no-new-privileges:true'],
  };
  for (const [name, service] of services('all'))
    expect([name, service]).toEqual([name, expect.objectContaining(bounds)]);
});

test('our image runs as a user that is not root, in its last stage, and holds production packages only', () => {
  const [last = ''] = read('Dockerfile')
    .split(/^FROM /m)
    .slice(-1);
  expect(last).toMatch(/^node:24[\s\S]*^USER node$/m);
  expect(last).toMatch(/^COPY --from=packages \/app\/node_modules node_modules$/m);
  expect(read('Dockerfile')).toMatch(/AS packages\n[\s\S]*?npm ci --omit=dev/);
  expect(last.slice(last.indexOf('USER node'))).not.toMatch(/^(USER (?!node$)|RUN )/m);
});

test('every process of ours that runs for good has a health check, by a port and a path that it has', () => {
  const endless = services('ours').filter(([, { restart }]) => restart === 'unless-stopped');
  const asked = endless.map(([name, { healthcheck }]) => [
    name,
    /127\.0\.0\.1:\d+\/\w+/.exec(JSON.stringify(healthcheck))?.[0],
  ]);
  const port = compose().services['sync-worker']?.environment?.['NANGO_METRICS_PORT'];
  expect(Object.fromEntries(asked)).toEqual({
    api: '127.0.0.1:3003/ready',
    'sync-worker': `127.0.0.1:${port}/health`,
    'action-worker': `127.0.0.1:${port}/health`,
  });
});

test('syncs and actions have workers of their own', () => {
  const roles = services('ours').flatMap(([, { environment }]) => environment?.['NANGO_WORKER_ROLES'] ?? []);
  expect(roles.sort()).toEqual(['actions', 'syncs']);
});

test('every foreign image has a version of its own', () => {
  const images = services('all').flatMap(([, { image, build }]) => (build === undefined ? [image] : []));
  expect(images.filter((image) => !/^[\w/-]+:\d+\.\d+/.test(image))).toEqual([]);
});

test('Temporal has the settings that the local server has', () => {
  const { services: all, configs } = compose();
  const sources = all['temporal']?.configs?.map(({ source }) => source) ?? [];
  const mounted = sources.includes('temporal-latency') ? (configs['temporal-latency']?.content ?? '') : '';
  const settings = [...read('platform/temporal-server.ts').matchAll(/'((?:history|matching)\.\w+)=(\w+)'/g)];
  expect(settings).toHaveLength(4);
  expect(parse(mounted)).toEqual(
    Object.fromEntries(settings.map(([, name, value]) => [name, [{ value: JSON.parse(value ?? '') }]])),
  );
});
