/**
 * What runs inside the isolate before any author code. The host gives `boot` its one callback and gets back `enter`,
 * the only way in: everything that happens in the guest happens inside one call of it. Nothing here may import from the
 * rest of the engine but types, and nothing it returns to the author may lead to the host's callback.
 */
import type { GuestContext, Limits, RunKind } from '../../contract/script.ts';
import { authorModule, type Definition, experimentalModule, isDefinition } from './author.ts';
import { connectCalls, deliver, type Send } from './calls.ts';
import { setNow } from './clock.ts';
import { crypto } from './crypto.ts';
import { describeScript } from './definition.ts';
import { codedError, describe } from './errors.ts';
import { installGlobals, OwnFunction } from './globals.ts';
import { playRecording } from './http.ts';
import { writeLine } from './log.ts';
import { createNango } from './nango.ts';
import { bufferModule } from './node-buffer.ts';
import { checkValue, withCheckedRows } from './validate.ts';
import { seedRandom } from './random.ts';
import type { RecordRules } from './record-rules.ts';
import { beginEntry, failedSave, saveRecords } from './records.ts';

type Start = {
  readonly kind: RunKind;
  readonly context: GuestContext;
  readonly seed: string;
  readonly now: number;
  readonly limits: Limits;
};
type Zod = { readonly v4: { readonly z: never }; readonly v3: () => unknown };
type Load = (module: { exports: unknown }, exports: unknown, require: (name: string) => unknown) => void;

/** The module that `sandbox/definitions.ts` requires. */
const DEFINITIONS = 'nango:definitions';

let send: Send = () => undefined;
let zod: Zod | undefined;

installGlobals();

/** Takes the host's callback; returns the entry for everything that follows. */
export function boot(callback: Send): (...args: unknown[]) => void {
  send = (number, kind, json, body) => callback(number, kind, json, body);
  return enter;
}

function enter(what: unknown, ...args: unknown[]): void {
  switch (what) {
    case 'zod':
      zod = (args[0] as (own: typeof Function) => Zod)(OwnFunction);
      return;
    case 'start':
      beginEntry();
      start(JSON.parse(String(args[0])) as Start, args[1] as Load, args[2] as string | undefined);
      return;
    case 'deliver':
      beginEntry();
      setNow(Number(args[4]));
      deliver(Number(args[0]), args[1] === true, String(args[2]), args[3] as string | ArrayBuffer | undefined);
      return;
    case 'unhandled':
      onUnhandled(String(args[0]));
      return;
  }
}

/** A promise stayed rejected: a lost save fails the run whatever the script does, anything else is worth a line. */
function onUnhandled(message: string): void {
  const save = failedSave(message);
  if (save === undefined) void writeLine('warn', [`A promise was rejected and nobody waited for it: ${message}`]);
  else send(-1, 'saveFailed', JSON.stringify(describe(save)), undefined);
}

function start(run: Start, load: Load, input: string | undefined): void {
  setNow(run.now);
  seedRandom(run.seed);
  connectCalls(send, run.limits);
  if (run.context.recording === 'play') playRecording();
  const nango = createNango(run.kind === 'action' ? 'action' : 'sync', run.context, run.limits.maxFrameBytes, zod?.v4);
  const settled = (json: string, output?: string): void => send(-1, 'settled', json, output);
  runScript(run, load, nango, input).then(
    (output) => settled('{"ok":true}', output),
    (error: unknown) => settled(JSON.stringify({ ok: false, error: describe(error) })),
  );
}

async function runScript(
  run: Start,
  load: Load,
  nango: object,
  input: string | undefined,
): Promise<string | undefined> {
  const exports = loaded(load);
  const { script, definition } = run.kind === 'webhook' ? webhookEntryOf(exports) : entryOf(exports);
  const parsed: unknown = input === undefined ? undefined : JSON.parse(input);
  const checked = run.context.validate === true ? definition : undefined;
  if (checked !== undefined && run.kind === 'action') checkValue(checked, 'input', parsed);
  const given = checked === undefined ? nango : withCheckedRows(checked, nango);
  const value: unknown = await (run.kind === 'sync' ? script(given) : script(given, parsed));
  if (checked !== undefined && run.kind === 'action') checkValue(checked, 'output', value);
  if (run.kind === 'action') return outputOf(run, value);
  if (run.kind === 'sync') await saveReturned(run, value);
  return undefined;
}

type Entry = { readonly script: (...args: unknown[]) => unknown; readonly definition?: Definition };

function entryOf(exports: unknown): Entry {
  const isObject = typeof exports === 'object' && exports !== null;
  const entry = isObject && 'default' in exports ? exports.default : exports;
  if (typeof entry === 'function') return { script: entry as Entry['script'] };
  // Called on the definition, as `definition.exec(…)` is in an author's own tests.
  if (isDefinition(entry)) {
    return { script: (nango, given) => entry.exec(nango as object, given), definition: entry };
  }
  const expected =
    'fetchData(nango), runAction(nango, input), or what createSync, createAction or createOnEvent answers';
  throw new TypeError(`The default export must be a function or a definition: ${expected}.`);
}

/** The handler beside a sync's function, under its name of either time. */
function webhookEntryOf(exports: unknown): Entry {
  const names = typeof exports === 'object' && exports !== null ? (exports as Record<string, unknown>) : {};
  const definition = names['default'];
  if (isDefinition(definition) && typeof definition.onWebhook === 'function') {
    return { script: (nango, payload) => definition.onWebhook?.(nango as object, payload), definition };
  }
  const entry = names['onWebhookPayloadReceived'] ?? names['onWebhook'];
  if (typeof entry === 'function') return { script: entry as Entry['script'] };
  throw new TypeError(
    'The sync subscribes to webhooks and has no handler: export async function onWebhookPayloadReceived(nango, payload).',
  );
}

/** Scripts of mid-2023 return `{ Model: rows }` instead of saving. */
async function saveReturned({ context, limits }: Start, value: unknown): Promise<void> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const rules: RecordRules = {
    kind: 'sync',
    scriptName: context.scriptName,
    models: context.models,
    maxChunk: Math.floor(limits.maxFrameBytes / 4),
  };
  for (const [model, rows] of Object.entries(value)) {
    if (Array.isArray(rows) && rules.models?.includes(model) !== false)
      await saveRecords(rules, 'batchSave', rows, model);
  }
}

function outputOf({ context, limits }: Start, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const what = `Action '${context.scriptName}' returned a value that is not JSON`;
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw codedError('script_failed', `${what}: ${error instanceof Error ? error.message.split('\n', 1)[0] : error}`);
  }
  if (text === undefined) throw codedError('script_failed', `${what}: it is a ${typeof value}.`);
  if (text.length <= limits.maxFrameBytes) return text;
  const message = `Action '${context.scriptName}' returned ${text.length} characters of JSON: at most ${limits.maxFrameBytes} bytes are expected.`;
  throw codedError('script_limit_exceeded', message);
}

/** Loads one more script beside the first; for `sandbox/definitions.ts`, and of no use to an author. */
function loaded(load: Load): unknown {
  const module = { exports: {} as unknown };
  load(module, module.exports, guestRequire);
  return module.exports;
}

function guestRequire(name: string): unknown {
  switch (String(name).replace(/^node:/, '')) {
    case 'crypto':
      return crypto;
    case 'buffer':
      return bufferModule();
    case 'url':
      return urlModule();
    case 'zod':
    case 'zod/v4':
      if (zod !== undefined) return zod.v4;
      break;
    case 'zod/v3':
      if (zod !== undefined) return zod.v3();
      break;
    case 'nango':
      return authorModule;
    case 'nango/experimental':
      return experimentalModule;
    case DEFINITIONS:
      return { describeScript: (load: Load) => describeScript(() => loaded(load), zod?.v4) };
  }
  throw new Error(
    `Module '${name}' is not there in a script: crypto, url, buffer, zod, nango and what is bundled are.`,
  );
}

function urlModule(): object {
  return {
    URL,
    URLSearchParams,
    fileURLToPath: undefined,
    format: (url: unknown) => String(url),
    parse: (text: string) => new URL(text),
    domainToASCII: (domain: string) => new URL(`http://${domain}`).hostname,
    default: { URL, URLSearchParams },
  };
}
