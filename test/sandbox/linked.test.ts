import { execFile } from 'node:child_process';
import { cp, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

const ANSWER = `import { DEFAULT_LIMITS } from './sandbox/limits.ts';
import { createSandbox } from './sandbox/pool.ts';
const sandbox = createSandbox({ maxChildren: 1 });
const outcome = await sandbox.run({
  environment: 'test', kind: 'action', input: undefined, seed: '00'.repeat(32), clock: () => new Date(), host: {},
  bundle: { hash: 'h', file: 'a.ts', code: 'exports.default = async () => 42;', sourceMap: '' },
  context: { environmentName: 'test', providerConfigKey: 'p', provider: 'p', connectionId: 'c', scriptName: 'a' },
  limits: DEFAULT_LIMITS, signal: new AbortController().signal,
} as never);
console.log(JSON.stringify(outcome));
await sandbox.close();
`;

test('scripts run where node_modules is a link', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'nango-test-linked-')));
  try {
    for (const part of ['sandbox', 'contract', 'package.json'])
      await cp(join(ROOT, part), join(folder, part), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'answer.ts'), ANSWER);
    const { stdout } = await run(process.execPath, ['--no-node-snapshot', 'answer.ts'], { cwd: folder });
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', output: '42' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
