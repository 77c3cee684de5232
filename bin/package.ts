/**
 * Makes the package as it is published, in `dist/` or the folder given: compiled JavaScript, declarations, the guest's runtime built ahead,
 * the dashboard's pages, and what is read from files. Node strips no types below `node_modules`, so the sources themselves would not run there.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildGuestRuntime } from '../sandbox/guest-runtime.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PACKAGE = resolve(process.argv[2] ?? join(ROOT, 'dist'));
/** Files that compiled code reads beside itself. */
const READ_BY_CODE = ['outbound/providers', 'store/migrations', 'author/index.js', 'author/index.d.ts'];
const WHOLE = [
  'bin/nango.js',
  'bin/require-node.cjs',
  'author/index.js',
  'author/index.d.ts',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
];
const EXAMPLES = ['examples/nango-integrations', 'examples/zero-yaml'];

const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>;

rmSync(PACKAGE, { recursive: true, force: true });
const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
const settings = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(PACKAGE, 'dist')];
execFileSync(process.execPath, [compiler, ...settings], { stdio: 'inherit' });
for (const path of READ_BY_CODE) copy(path, join('dist', path));
for (const path of WHOLE) copy(path, path);
for (const path of EXAMPLES) copy(path, path);
const pages = [
  'build',
  join(ROOT, 'dashboard'),
  '--outDir',
  join(PACKAGE, 'dist/dist/dashboard'),
  '--logLevel',
  'warn',
];
execFileSync(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), ...pages], { stdio: 'inherit' });
write('dist/sandbox/guest-runtime.json', JSON.stringify(await buildGuestRuntime()));
// Nameless, so that whoever looks for the package from here finds the one above.
write('dist/package.json', JSON.stringify({ type: 'module', version: own['version'] }));
write('package.json', JSON.stringify(published(own), null, 2));

function published({ devDependencies: _, scripts: __, private: ___, ...kept }: Record<string, unknown>): object {
  return {
    ...kept,
    exports: {
      '.': { types: './author/index.d.ts', default: './author/index.js' },
      './test': { types: './dist/author/test.d.ts', default: './dist/author/test.js' },
      './package.json': './package.json',
    },
    scripts: { preinstall: 'node bin/require-node.cjs', start: 'node dist/platform/start.js' },
  };
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(join(PACKAGE, to)), { recursive: true });
  cpSync(join(ROOT, from), join(PACKAGE, to), {
    recursive: true,
    filter: (path) => !/node_modules|\.env$/.test(path.slice(ROOT.length)),
  });
}

function write(name: string, text: string): void {
  mkdirSync(dirname(join(PACKAGE, name)), { recursive: true });
  writeFileSync(join(PACKAGE, name), text);
}
