/** U089: what a script may import is known when it is compiled, by the resolver that bundles it. */
import { expect, test } from '@jest/globals';
import { runCli, useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';

const folders = useFolders();

const ACTION = (imports: string, exec: string) => `import { createAction } from 'nango';
import { z } from 'zod';
${imports}
export default createAction({
  description: 'Checks', input: z.object({ text: z.string() }), output: z.object({ text: z.string() }),
  exec: async (nango, input) => { ${exec} },
});
`;
const RECORDING = '{"input":{"text":"a"},"output":{"text":"A"},"nango":{},"api":{}}';

async function project(files: Readonly<Record<string, string>>): Promise<string> {
  const cwd = await folders.create();
  await writeFiles(cwd, {
    'index.ts': "import './tracker/actions/check.js';\n",
    'package.json': '{"private":true,"type":"module"}',
    'tracker/tests/check.test.json': RECORDING,
    ...files,
  });
  return cwd;
}

/** What compiling says, and whether the recording passes. */
async function compiledAndTested(cwd: string) {
  const compiled = await runCli(['compile'], { cwd });
  const tested = await runCli(['test', '--json'], { cwd });
  return { code: compiled.code, stderr: compiled.stderr, verdict: JSON.parse(tested.stdout).verdict as unknown };
}

const FINE = { code: 0, stderr: '', verdict: 'pass' };

test.each(['../schema.zod.js', '../schema.zod', '../schema.zod.ts'])(
  'U089: %s is the file schema.zod.ts, and neither zod nor a package',
  async (specifier) => {
    const cwd = await project({
      'tracker/schema.zod.ts':
        'import { z } from "zod";\nexport const upper = z.string().transform((text) => text.toUpperCase());\n',
      'tracker/actions/check.ts': ACTION(
        `import { upper } from '${specifier}';`,
        'return { text: upper.parse(input.text) };',
      ),
      // TypeScript takes it by its own name only where it is told to.
      ...(specifier.endsWith('.ts') && {
        'tsconfig.json':
          '{"compilerOptions":{"module":"nodenext","target":"esnext","strict":true,"noEmit":true,"allowImportingTsExtensions":true}}',
      }),
    });
    expect(await compiledAndTested(cwd)).toEqual(FINE);
  },
);

test('U089: what only gives types may come from anywhere, of the incumbent’s own packages without their being installed', async () => {
  const cwd = await project({
    'tracker/types.ts': 'export interface Text { text: string }\nexport type Kind = "a" | "b";\n',
    'node_modules/only-types/package.json': '{"name":"only-types","version":"1.0.0","types":"index.d.ts"}',
    'node_modules/only-types/index.d.ts': 'export interface Found { found: number }\n',
    'tracker/actions/check.ts': ACTION(
      `import type { ProxyConfiguration } from '@nangohq/runner-sdk';
import type { Found } from 'only-types';
import { type Kind, type Text } from '../types.js';`,
      `const config: ProxyConfiguration = { endpoint: '/x' }; const found: Found = { found: 1 }; const kind: Kind = 'a';
       const text: Text = { text: input.text.toUpperCase() }; return config && found && kind && text;`,
    ),
  });
  expect(await compiledAndTested(cwd)).toEqual(FINE);
});

test.each(['url', 'node:url', 'crypto', 'node:crypto', 'buffer', 'node:buffer', 'zod', 'zod/v3', 'zod/v4', 'nango'])(
  '%s is there for each script',
  async (name) => {
    const cwd = await project({
      'tracker/actions/check.ts': ACTION(
        `import * as all from '${name}';`,
        'return { text: Object.keys(all).length > 0 ? input.text.toUpperCase() : "" };',
      ),
    });
    expect(await compiledAndTested(cwd)).toEqual(FINE);
  },
);

test.each(['fs', 'node:fs/promises', 'http', 'child_process', 'node:process', 'path', 'stream', 'worker_threads'])(
  'U089: %s is refused by name when it is compiled, at its line, with what there is',
  async (name) => {
    const cwd = await project({
      'tracker/actions/check.ts': ACTION(`import * as all from '${name}';`, 'return { text: String(all) };'),
    });
    const { code, stderr } = await runCli(['compile'], { cwd });
    const lines = stderr.trimEnd().split('\n');
    expect([code, lines]).toEqual([
      10,
      [
        expect.stringMatching(
          new RegExp(
            `^tracker/actions/check\\.ts:3:\\d+: Module '${name}' of Node does not exist in scripts: crypto, url, buffer, zod, nango do\\. \\S`,
          ),
        ),
      ],
    ]);
  },
);

test('a package of pure JavaScript is bundled, also one that asks for modules of Node which exist here', async () => {
  const cwd = await project({
    'node_modules/shout/package.json': '{"name":"shout","version":"1.0.0","main":"index.js","types":"index.d.ts"}',
    'node_modules/shout/index.js':
      "const { URL } = require('url'); const { createHash } = require('node:crypto'); exports.shout = (text) => new URL('https://x/' + text).pathname.slice(1).toUpperCase() + createHash('md5').digest('hex').slice(0, 0);",
    'node_modules/shout/index.d.ts': 'export function shout(text: string): string;\n',
    'tracker/actions/check.ts': ACTION("import { shout } from 'shout';", 'return { text: shout(input.text) };'),
  });
  expect(await compiledAndTested(cwd)).toEqual(FINE);
});

/** As `soap` and `unzipper` are: several files that want sockets, files and streams. */
const HEAVY = {
  'node_modules/heavy/package.json': '{"name":"heavy","version":"2.0.0","main":"lib/index.js","types":"index.d.ts"}',
  'node_modules/heavy/index.d.ts': 'export function heavy(text: string): string;\n',
  'node_modules/heavy/lib/index.js':
    "const http = require('http'); const inner = require('inner-part'); exports.heavy = inner.of(http);",
  'node_modules/inner-part/package.json': '{"name":"inner-part","version":"1.0.0","main":"index.js"}',
  'node_modules/inner-part/index.js':
    "const fs = require('fs'); require('http'); require('stream'); exports.of = () => fs;",
};

test('a package that needs what scripts have not is refused once, at the import that brings it in, by all it needs', async () => {
  const cwd = await project({
    ...HEAVY,
    'tracker/helpers/call.ts':
      "import { heavy } from 'heavy';\nexport const called = (text: string): string => heavy(text);\n",
    'tracker/actions/check.ts': ACTION(
      "import { called } from '../helpers/call.js';",
      'return { text: called(input.text) };',
    ),
  });
  const { code, stderr } = await runCli(['compile'], { cwd });
  expect([code, stderr]).toEqual([
    10,
    "tracker/helpers/call.ts:1:23: Package 'heavy' cannot run in scripts: it needs fs, http, stream of Node (in node_modules/heavy/lib/index.js, node_modules/inner-part/index.js), and crypto, url, buffer, zod, nango are all there is. Call the API with nango.get, nango.post and their siblings, or take a package of pure JavaScript.\n",
  ]);
});

test.each([
  ['its package.json asks for it', { 'package.json': '{"private":true,"dependencies":{"zod":"^3.24.2"}}' }, 'errors'],
  ['its development asks for it', { 'package.json': '{"private":true,"devDependencies":{"zod":"3.24.2"}}' }, 'errors'],
  ['it asks for 4', { 'package.json': '{"private":true,"dependencies":{"zod":"4.3.6"}}' }, 'issues'],
  ['it says nothing', {}, 'issues'],
])('zod is of the version that a project has, where %s', async (_what, files, list) => {
  const other = list === 'errors' ? 'toJSONSchema' : 'ZodFirstPartyTypeKind.ZodString';
  const cwd = await project({
    ...files,
    // Of version 3 alone are `errors` and the name of a kind; of version 4 alone is `toJSONSchema`.
    'tracker/actions/check.ts': ACTION(
      '',
      `const failed = z.string().email().safeParse(input.text); const all = z as any;
       const is3 = Array.isArray((failed.error as any)?.errors) && typeof all.toJSONSchema === 'undefined';
       return { text: is3 === ${list === 'errors'} ? input.text.toUpperCase() : '${other}' };`,
    ),
  });
  expect(await compiledAndTested(cwd)).toEqual(FINE);
});
