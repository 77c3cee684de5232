import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { findIdlePermissions, findViolations, ROOMS, readSources } from './support/architecture.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = [...Object.keys(ROOMS), 'bin', 'bench', 'test'];

function sourcesOfProject(): Map<string, string> {
  const paths = FOLDERS.filter((folder) => existsSync(join(PROJECT, folder))).flatMap((folder) =>
    readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' }).map(
      (path) => `${folder}/${path.replaceAll('\\', '/')}`,
    ),
  );
  const sources = paths.filter(
    (path) => /\.(tsx?|js|mjs)$/.test(path) && !/\/node_modules\/|^test\/fixtures\//.test(path),
  );
  return new Map(sources.map((path) => [path, readFileSync(join(PROJECT, path), 'utf8')]));
}

const project = readSources(sourcesOfProject());

test('every file of the project keeps the folder rules', () => {
  expect(project.length).toBeGreaterThan(20);
  expect(findViolations(project)).toEqual([]);
});

test('the table allows no import that no file makes', () => {
  expect(findIdlePermissions(project)).toEqual([]);
  expect(findIdlePermissions(readSources(new Map([['store/a.ts', "import pg from 'pg';"]])))).toEqual(
    expect.arrayContaining(["store: nothing in it imports 'contract'", "store: nothing in it imports 'uuid'"]),
  );
});

test('every room of ARCHITECTURE.md may import there what it may here', () => {
  const page = readFileSync(join(PROJECT, 'ARCHITECTURE.md'), 'utf8');
  const told = [...page.matchAll(/^\| `(\w+)\/` \|.*\| (.*) \|$/gm)].map((match) => [match[1], match[2]]);
  expect(Object.fromEntries(told)).toEqual(
    Object.fromEntries(
      Object.entries(ROOMS).map(([name, { rooms, types = [] }]) => [
        name,
        [...rooms, ...types.map((room) => `types of ${room}`)].join(', ') || 'nothing',
      ]),
    ),
  );
});

const GOOD: Readonly<Record<string, string>> = {
  'contract/ids.ts': 'export const id = 1;',
  'activities/index.ts':
    "import { id } from '../contract/ids.ts'; import pg from '@temporalio/activity'; export type Activities = typeof id;",
  'workflows/sync.ts':
    "import type { Activities } from '../activities/index.ts'; import { sleep } from '@temporalio/workflow';",
  'workflows/messages.ts': 'export const pauseSignal = 1;',
  'api/app.ts': "import express from 'express';",
  'dashboard/page.tsx': "import type { app } from '../api/app.ts'; export const Page = () => <p>{'a'}</p>;",
  'runtime/env.ts': 'export const env = process.env;',
  'outbound/retry.ts': 'export const retry = 1;',
  'outbound/call.ts': "import got from 'got'; export const call = got;",
  'outbound/request.ts': "export * from './call.ts';",
  'cli/host.ts':
    "import { retry } from '../outbound/retry.ts'; import type { call } from '../outbound/call.ts'; import { readFile } from 'node:fs';",
  'test/anything.test.ts': "import '../cli/host.ts'; import '../store/db.ts'; process.env.X;",
};

test('a tree that keeps the rules has no violation', () => {
  expect(findViolations(readSources(new Map(Object.entries(GOOD))))).toEqual([]);
});

test.each([
  [
    'a wrong room',
    'store/a.ts',
    "import { x } from '../manifest/parse.ts';",
    "store/a.ts: may not import '../manifest/parse.ts'",
  ],
  [
    'a wrong room, re-exported',
    'store/a.ts',
    "export { x } from '../api/app.ts';",
    "store/a.ts: may not import '../api/app.ts'",
  ],
  [
    'a wrong room, imported late',
    'store/a.ts',
    "const x = await import('../api/app.ts');",
    "store/a.ts: may not import '../api/app.ts'",
  ],
  [
    'a wrong room in a type',
    'store/a.ts',
    "type A = import('../api/app.ts').A;",
    "store/a.ts: may not import types of '../api/app.ts'",
  ],
  [
    'something of the tests',
    'store/a.ts',
    "import { x } from '../test/support/x.ts';",
    "store/a.ts: may not import '../test/support/x.ts'",
  ],
  [
    'a composition root',
    'api/a.ts',
    "import { x } from '../platform/start.ts';",
    "api/a.ts: may not import '../platform/start.ts'",
  ],
  ['a package away from home', 'api/a.ts', "import pg from 'pg';", "api/a.ts: may not import 'pg'"],
  [
    'a part of a package away from home',
    'cli/a.ts',
    "import x from '@temporalio/client/lib/x';",
    "cli/a.ts: may not import '@temporalio/client/lib/x'",
  ],
  [
    'a package of types, for its value',
    'activities/a.ts',
    "import { W } from '@temporalio/worker';",
    "activities/a.ts: may not import '@temporalio/worker'",
  ],
  [
    'a value of activities in a workflow',
    'workflows/a.ts',
    "import { a } from '../activities/index.ts';",
    "workflows/a.ts: may not import '../activities/index.ts'",
  ],
  [
    'types of activities that still load them',
    'workflows/a.ts',
    "import { type A } from '../activities/index.ts';",
    "workflows/a.ts: may not import '../activities/index.ts'",
  ],
  [
    'a module of Node in a workflow',
    'workflows/a.ts',
    "import { readFile } from 'node:fs';",
    "workflows/a.ts: may not import 'node:fs'",
  ],
  [
    'a module of Node in the manifest',
    'manifest/a.ts',
    "import { readFile } from 'node:fs';",
    "manifest/a.ts: may not import 'node:fs'",
  ],
  [
    'a module of Node without its prefix',
    'store/a.ts',
    "import { readFile } from 'fs';",
    "store/a.ts: may not import 'fs'",
  ],
  [
    'a workflow in the API',
    'api/a.ts',
    "import { s } from '../workflows/sync.ts';",
    "api/a.ts: may not import '../workflows/sync.ts'",
  ],
  [
    'a value of the API in the pages',
    'dashboard/a.tsx',
    "import { app } from '../api/app.ts'; export const a = <p>{app}</p>;",
    "dashboard/a.tsx: may not import '../api/app.ts'",
  ],
  [
    'the platform in what authors import',
    'author/a.ts',
    "import { start } from '../platform/start.ts';",
    "author/a.ts: may not import '../platform/start.ts'",
  ],
  [
    'the HTTP client in the command line',
    'cli/a.ts',
    "import { c } from '../outbound/request.ts';",
    "cli/a.ts: '../outbound/request.ts' loads got; only pure files of outbound may be imported",
  ],
  [
    'the environment',
    'worker/a.ts',
    'export const port = process.env.PORT;',
    'worker/a.ts: process.env is read in runtime/env.ts only',
  ],
  [
    'the environment by brackets',
    'worker/a.ts',
    "export const port = globalThis.process['env'].PORT;",
    'worker/a.ts: process.env is read in runtime/env.ts only',
  ],
  [
    'the environment taken apart',
    'worker/a.ts',
    'const { env } = process;',
    'worker/a.ts: process.env is read in runtime/env.ts only',
  ],
  [
    'the environment by import',
    'worker/a.ts',
    "import { env } from 'node:process';",
    'worker/a.ts: process.env is read in runtime/env.ts only',
  ],
  ['a drawer', 'api/utils.ts', '', 'api/utils.ts: named like a drawer; name the subject'],
  ['a folder of drawers', 'api/helpers/a.ts', '', 'api/helpers/a.ts: named like a drawer; name the subject'],
  ['a room nobody knows', 'misc/a.ts', "import '../contract/ids.ts';", "misc/a.ts: 'misc' is no room of the table"],
  [
    'a file that needs itself',
    'store/a.ts',
    "import { a } from './a.ts';",
    'store/a.ts → store/a.ts: these files need each other',
  ],
  [
    'a circle',
    'outbound/call.ts',
    "import { r } from './request.ts';",
    'outbound/call.ts → outbound/request.ts → outbound/call.ts: these files need each other',
  ],
])('%s is a violation that names file and import', (_what, path, text, violation) => {
  expect(findViolations(readSources(new Map(Object.entries({ ...GOOD, [path]: text }))))).toEqual([violation]);
});
