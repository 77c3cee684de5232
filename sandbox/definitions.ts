/** What zero-yaml scripts say of themselves, found out in the sandbox: author code never runs in the CLI's process. */
import { randomBytes } from 'node:crypto';
import { EngineError } from '../contract/failures.ts';
import type { ScriptLocation } from '../contract/failures.ts';
import type { Host } from '../contract/host.ts';
import type { ScriptBundle } from '../contract/script.ts';
import type { DescribedScript } from './guest/definition.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { Sandbox } from './pool.ts';
import { locateStack } from './script-error.ts';

export type { DescribedScript } from './guest/definition.ts';

/** `location`: the author's line, where the script failed while it was loaded. */
export type ScriptDescription = { readonly described: DescribedScript; readonly location?: ScriptLocation };

// Many scripts share an isolate: its start costs as much as loading several, and what they all run becomes machine code.
const PER_ISOLATE = 200;
/** From here on it pays to begin a second process. */
const FOR_ONE = 40;
const ATTEMPTS = 3;
/** One script alone has no excuse; of many together each adds what loading it may take, so that an endless one is soon found. */
const LONE_CPU_MS = 3_000;
const FURTHER_CPU_MS = 40;
const HEAD =
  "const { describeScript } = require('nango:definitions');\nconst found = [];\nexports.default = () => found;\n";

/** Loads each bundle and describes its default export, in the order given. A script that fails fails alone. */
export async function describeScripts(
  sandbox: Sandbox,
  bundles: readonly ScriptBundle[],
  signal: AbortSignal = new AbortController().signal,
): Promise<ScriptDescription[]> {
  // Of like sizes and an even number of them, for the two processes that they are shared out to.
  const count = bundles.length > FOR_ONE ? 2 * Math.ceil(bundles.length / PER_ISOLATE / 2) : 1;
  const groups = Array.from({ length: count }, (_, index) =>
    bundles.slice(Math.floor((index * bundles.length) / count), Math.floor(((index + 1) * bundles.length) / count)),
  );
  return (await Promise.all(groups.map((group) => describeGroup(sandbox, group, signal)))).flat();
}

async function describeGroup(
  sandbox: Sandbox,
  bundles: readonly ScriptBundle[],
  signal: AbortSignal,
  attempt = 1,
): Promise<ScriptDescription[]> {
  const outcome = await sandbox.run({
    environment: 'definitions',
    bundle: { hash: 'definitions', code: codeOf(bundles), sourceMap: EMPTY_MAP, file: bundles[0]?.file ?? '' },
    kind: 'action',
    context: { environmentName: '', providerConfigKey: '', provider: '', connectionId: '', scriptName: 'definitions' },
    input: undefined,
    seed: randomBytes(32).toString('hex'),
    clock: () => new Date(),
    host: REFUSING_HOST,
    limits: { ...DEFAULT_LIMITS, cpuMs: LONE_CPU_MS + FURTHER_CPU_MS * (bundles.length - 1) },
    signal,
  });
  if (outcome.status === 'completed') {
    const described = JSON.parse(outcome.output ?? '[]') as DescribedScript[];
    return described.map((one, index) => located(bundles, one, index));
  }
  const [only] = bundles;
  if (bundles.length > 1 && !signal.aborted) return describeHalves(sandbox, bundles, signal);
  // Others in the same process may have ended it.
  const isLost = outcome.status === 'failed' && outcome.failure.code === 'runner_lost';
  if (isLost && attempt < ATTEMPTS && !signal.aborted) return describeGroup(sandbox, bundles, signal, attempt + 1);
  const message = outcome.status === 'failed' ? outcome.failure.message : `it ended as '${outcome.status}'`;
  if (signal.aborted || only === undefined) throw new EngineError('script_aborted', message);
  return [{ described: { failed: { name: 'Error', message, stack: '' } } }];
}

/** One of them stopped the isolate for all: by halves it is found, and not every script needs an isolate of its own. */
async function describeHalves(
  sandbox: Sandbox,
  bundles: readonly ScriptBundle[],
  signal: AbortSignal,
): Promise<ScriptDescription[]> {
  const middle = Math.ceil(bundles.length / 2);
  const first = await describeGroup(sandbox, bundles.slice(0, middle), signal);
  return [...first, ...(await describeGroup(sandbox, bundles.slice(middle), signal))];
}

function codeOf(bundles: readonly ScriptBundle[]): string {
  return HEAD + bundles.map(({ code }) => wrapped(code)).join('');
}

function wrapped(code: string): string {
  return `found.push(describeScript((module, exports, require) => {\n${code}\n}));\n`;
}

/** The author's line of a failure: the line within its own bundle is that in the whole less what stands before. */
function located(bundles: readonly ScriptBundle[], described: DescribedScript, index: number): ScriptDescription {
  const bundle = bundles[index];
  if (!('failed' in described) || bundle === undefined) return { described };
  const before = codeOf(bundles.slice(0, index)).split('\n').length;
  const stack = described.failed.stack.replaceAll(
    /script\.js:(\d+):/g,
    (_, line: string) => `script.js:${Number(line) - before}:`,
  );
  const location = locateStack(bundle, stack);
  return { described, ...(location === undefined ? {} : { location }) };
}

const EMPTY_MAP = JSON.stringify({ version: 3, sources: [], names: [], mappings: '' });

const refuse = async (): Promise<never> => {
  throw new EngineError('script_failed', 'A definition cannot call nango: do that in its exec.');
};
const REFUSING_HOST = new Proxy({}, { get: () => refuse }) as Host;
