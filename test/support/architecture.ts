/** The folder rules of the project and the function that checks them on a tree of source texts. */
import { posix } from 'node:path';
import { parseSync } from 'oxc-parser';

/** `types`: with `import type` only. `files`: these files of other rooms. `packages`: `types:x` for `import type` only. */
type Room = {
  readonly rooms: readonly string[];
  readonly types?: readonly string[];
  readonly files?: readonly string[];
  readonly packages: readonly string[];
  /** Whether Node's own modules may be imported. */
  readonly node: boolean;
};

/** Who may import whom. Rooms of `FREE` import anything and are imported by nothing. */
export const ROOMS: Readonly<Record<string, Room>> = {
  contract: { rooms: [], packages: [], node: false },
  manifest: { rooms: ['contract'], packages: ['yaml', 'zod', 'ms', 'oxc-parser', 'ajv', 'ajv-formats'], node: false },
  store: { rooms: ['contract'], packages: ['pg', 'uuid', 'safe-stable-stringify'], node: true },
  outbound: {
    rooms: ['contract'],
    packages: ['got', 'yaml', 'zod', 'ipaddr.js', 'oauth4webapi', 'jose', 'oauth-1.0a', 'aws4fetch'],
    node: true,
  },
  sandbox: {
    rooms: ['contract'],
    packages: ['esbuild', 'zod', 'isolated-vm', 'buffer', 'core-js', '@noble/hashes', '@jridgewell/trace-mapping'],
    node: true,
  },
  workflows: {
    rooms: ['contract'],
    types: ['activities'],
    packages: ['@temporalio/workflow', '@temporalio/common'],
    node: false,
  },
  activities: {
    rooms: ['contract', 'manifest', 'store', 'outbound', 'sandbox'],
    packages: [
      '@temporalio/activity',
      '@temporalio/client',
      '@temporalio/common',
      'types:@temporalio/worker',
      'safe-stable-stringify',
    ],
    node: true,
  },
  runtime: {
    rooms: ['contract'],
    packages: [
      'zod',
      'prom-client',
      '@opentelemetry/api',
      '@opentelemetry/sdk-trace',
      '@opentelemetry/resources',
      '@opentelemetry/exporter-trace-otlp-http',
      '@temporalio/client',
      '@temporalio/common',
    ],
    node: true,
  },
  worker: {
    rooms: ['contract', 'activities', 'runtime'],
    packages: ['@temporalio/worker', '@temporalio/common'],
    node: true,
  },
  api: {
    rooms: ['contract', 'manifest', 'store', 'outbound', 'runtime'],
    packages: [
      'express',
      'ipaddr.js',
      'proxy-addr',
      'helmet',
      'rate-limiter-flexible',
      '@modelcontextprotocol/sdk',
      'zod',
      'ws',
      'safe-stable-stringify',
    ],
    node: true,
  },
  cli: {
    rooms: ['contract', 'manifest', 'sandbox', 'outbound'],
    packages: ['zod', 'commander', 'chokidar', '@inquirer/prompts', 'ws'],
    node: true,
  },
  platform: {
    rooms: ['contract', 'store', 'outbound', 'sandbox', 'activities', 'runtime', 'worker', 'api', 'cli'],
    packages: ['@temporalio/testing', 'types:@temporalio/worker', '@temporalio/client'],
    node: true,
  },
  author: { rooms: ['manifest', 'sandbox', 'cli'], packages: [], node: true },
  dashboard: {
    rooms: [],
    types: ['api', 'store'],
    packages: [
      'react',
      'react-dom',
      '@mantine/core',
      '@mantine/hooks',
      '@mantine/notifications',
      '@tanstack/react-query',
      '@tanstack/react-router',
      '@tanstack/react-table',
      '@tanstack/react-virtual',
      'vite',
    ],
    node: true,
  },
};
const FREE = ['bin', 'bench', 'examples', 'test'];
const READS_ENVIRONMENT = /^(runtime\/env\.ts$|bin\/|test\/|bench\/)/;
const DRAWERS = /^(utils?|helpers?|common|shared|lib|libs|services?)$/;

type Import = { readonly from: string; readonly specifier: string; readonly typeOnly: boolean };
export type SourceFile = {
  readonly path: string;
  readonly imports: readonly Import[];
  readonly readsEnvironment: boolean;
};
type SyntaxNode = { readonly type: string; readonly [key: string]: unknown };

/** A tree of source texts (path from the project folder → text), read once. Throws `SyntaxError`. */
export function readSources(tree: ReadonlyMap<string, string>): readonly SourceFile[] {
  return [...tree].map(([path, text]) => readFile(path, text));
}

/** The breaches of the folder rules in a tree, one line each; none is the aim. */
export function findViolations(files: readonly SourceFile[]): readonly string[] {
  const imports = files.flatMap((file) => file.imports);
  return [
    ...files.flatMap(({ path }) => checkName(path)),
    ...files
      .filter((file) => file.readsEnvironment && !READS_ENVIRONMENT.test(file.path))
      .map(({ path }) => `${path}: process.env is read in runtime/env.ts only`),
    ...imports.flatMap(checkImport),
    ...imports.flatMap((one) => checkReach(one, imports)),
    ...findCycles(imports),
  ];
}

/** What the table allows and no file of the tree makes use of: a permission that nobody needs is one to be misused. */
export function findIdlePermissions(files: readonly SourceFile[]): readonly string[] {
  const imports = files.flatMap((file) => file.imports);
  return Object.entries(ROOMS).flatMap(([name, room]) => {
    const own = imports.filter((one) => roomOf(one.from) === name);
    const targets = new Set(own.map((one) => (one.specifier.startsWith('.') ? roomOf(targetOf(one)) : packageOf(one))));
    return [...room.rooms, ...(room.types ?? []), ...room.packages]
      .filter((allowed) => !targets.has(allowed.replace(/^types:/, '')))
      .map((allowed) => `${name}: nothing in it imports '${allowed}'`);
  });
}

function readFile(path: string, text: string): SourceFile {
  const { module, program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0]?.message}`);
  const nodes = walk(program);
  // `import { type A }` still loads the module when types are stripped: only `import type` is free.
  const isTypeOnly = (start: number) =>
    /^(import|export)\s+type\s+([{*]|\w+\s+from)/.test(text.slice(start, start + 200));
  const found = [
    ...module.staticImports.map((one) => ({ specifier: one.moduleRequest.value, typeOnly: isTypeOnly(one.start) })),
    ...module.staticExports.flatMap((one) =>
      one.entries.flatMap((entry) =>
        entry.moduleRequest === null ? [] : { specifier: entry.moduleRequest.value, typeOnly: isTypeOnly(one.start) },
      ),
    ),
    ...nodes.flatMap(lateImport),
  ];
  const unique = new Map(found.map((one) => [`${one.specifier} ${one.typeOnly}`, { from: path, ...one }]));
  return { path, imports: [...unique.values()], readsEnvironment: nodes.some(isEnvironmentRead) };
}

/** `import('x')`, `require('x')` and the type `import('x').T`. */
function lateImport(node: SyntaxNode): { specifier: string; typeOnly: boolean } | [] {
  const isRequire = node.type === 'CallExpression' && nameOf(node['callee']) === 'require';
  const source = isRequire ? (node['arguments'] as unknown[])[0] : (node['source'] ?? node['argument']);
  if (!isRequire && node.type !== 'ImportExpression' && node.type !== 'TSImportType') return [];
  const specifier = textOf(source);
  return specifier === undefined ? [] : { specifier, typeOnly: node.type === 'TSImportType' };
}

function isEnvironmentRead(node: SyntaxNode): boolean {
  if (node.type === 'MemberExpression') {
    const key = nameOf(node['property']) ?? textOf(node['property']);
    return key === 'env' && ['process', 'globalThis.process'].includes(nameOf(node['object']) ?? '');
  }
  if (node.type === 'VariableDeclarator')
    return nameOf(node['init']) === 'process' && isSyntax(node['id']) && node['id'].type === 'ObjectPattern';
  return node.type === 'ImportDeclaration' && /^(node:)?process$/.test(textOf(node['source']) ?? '');
}

function checkName(path: string): string[] {
  return path.split('/').some((part) => DRAWERS.test(part.replace(/\.\w+$/, '')))
    ? [`${path}: named like a drawer; name the subject`]
    : [];
}

function checkImport(one: Import): string[] {
  const room = ROOMS[roomOf(one.from)];
  if (room === undefined)
    return FREE.includes(roomOf(one.from)) ? [] : [`${one.from}: '${roomOf(one.from)}' is no room of the table`];
  const allowed = one.specifier.startsWith('.') ? isAllowedFile(one, room) : isAllowedPackage(one, room);
  return allowed ? [] : [`${one.from}: may not import ${one.typeOnly ? 'types of ' : ''}'${one.specifier}'`];
}

function isAllowedFile(one: Import, room: Room): boolean {
  const target = targetOf(one);
  const other = roomOf(target);
  // A file at the top, such as package.json, belongs to nobody.
  if (other === target || other === roomOf(one.from) || room.rooms.includes(other)) return true;
  return (room.files?.includes(target) ?? false) || (one.typeOnly && (room.types?.includes(other) ?? false));
}

function isAllowedPackage(one: Import, room: Room): boolean {
  if (isBuiltin(one.specifier)) return room.node || one.typeOnly;
  const name = packageOf(one);
  return room.packages.includes(name) || (one.typeOnly && room.packages.includes(`types:${name}`));
}

function packageOf({ specifier }: Import): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The command line may use the pure files of outbound/, not the ones that (also through others) load the HTTP client. */
function checkReach(one: Import, imports: readonly Import[]): string[] {
  if (one.typeOnly || roomOf(one.from) !== 'cli' || roomOf(targetOf(one)) !== 'outbound') return [];
  const reached = new Set([targetOf(one)]);
  for (const path of reached)
    for (const next of imports) if (next.from === path && !next.typeOnly) reached.add(targetOf(next));
  return reached.has('got')
    ? [`${one.from}: '${one.specifier}' loads got; only pure files of outbound may be imported`]
    : [];
}

/** Each circle of files once, written from its alphabetically first file. Types count: they tangle readers as well. */
function findCycles(imports: readonly Import[]): string[] {
  const next = Map.groupBy(
    imports.filter((one) => one.specifier.startsWith('.')),
    (one) => one.from,
  );
  const done = new Set<string>();
  const cycles = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) cycles.add(fromFirst(trail.slice(seenAt)));
    if (seenAt >= 0 || done.has(path)) return;
    for (const one of next.get(path) ?? []) visit(targetOf(one), [...trail, path]);
    done.add(path);
  };
  for (const path of next.keys()) visit(path, []);
  return [...cycles].map((cycle) => `${cycle}: these files need each other`);
}

function fromFirst(cycle: readonly string[]): string {
  const start = cycle.indexOf(cycle.toSorted()[0] ?? '');
  return [...cycle.slice(start), ...cycle.slice(0, start), cycle[start]].join(' → ');
}

function targetOf(one: Import): string {
  return one.specifier.startsWith('.') ? posix.join(posix.dirname(one.from), one.specifier) : one.specifier;
}

function roomOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:');
}

function walk(value: unknown): SyntaxNode[] {
  if (Array.isArray(value)) return value.flatMap(walk);
  if (!isSyntax(value)) return [];
  return [value, ...Object.values(value).flatMap(walk)];
}

function isSyntax(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value;
}

function nameOf(node: unknown): string | undefined {
  if (!isSyntax(node)) return undefined;
  if (node.type === 'MemberExpression') return `${nameOf(node['object'])}.${nameOf(node['property'])}`;
  return typeof node['name'] === 'string' ? node['name'] : undefined;
}

function textOf(node: unknown): string | undefined {
  if (!isSyntax(node)) return undefined;
  // The type `import('x')` wraps its text once more in some versions of the tree.
  if (isSyntax(node['literal'])) return textOf(node['literal']);
  return typeof node['value'] === 'string' ? node['value'] : undefined;
}
