/**
 * Compiled forms of our own texts, made by running them once. V8 compiles a function when it is first called; what comes
 * with a text right after it was read therefore lacks nearly all of them, and each isolate compiled them again, for a
 * quarter of the processor time of a short script. isolated-vm cannot take the compiled form of a text that has run, but
 * Node can, and within one process both are the same V8.
 */
import vm from 'node:vm';

export type GuestTexts = { readonly core: string; readonly zod: string };

/** Of each text; V8 refuses, and compiles by itself, what another V8 or other flags made. */
export type CompiledTexts = { readonly core: ArrayBuffer; readonly zod: ArrayBuffer };
type Sent = readonly [number: number, kind: string, json: string];
type Enter = (what: string, ...args: unknown[]) => void;
type Boot = (send: (...sent: Sent) => void) => Enter;

/** What most scripts do, and nothing that few do: each isolate loads what is compiled here. */
const SCRIPT = `
const { z } = require('zod');
const { createSync } = require('nango');
const Row = z.object({
  id: z.string(),
  count: z.number().optional(),
  open: z.boolean().optional().describe('a description'),
  state: z.enum(['open', 'closed']).optional(),
  tags: z.array(z.string()).optional(),
  owner: z.object({ name: z.string().nullable() }),
  key: z.union([z.string(), z.number()]),
});
const row = { id: '1', count: 1, open: true, state: 'open', tags: ['a'], owner: { name: null }, key: 1 };
Row.safeParse({});
z.array(Row).parse([row]);
exports.default = createSync({
  description: '', version: '1.0.0', frequency: 'every hour', autoStart: true,
  checkpoint: z.object({ cursor: z.string() }), models: { Row },
  exec: async (nango) => {
    await nango.getCheckpoint();
    await nango.getMetadata();
    await nango.get({ endpoint: '/rows', params: { limit: '1' }, retries: 3 });
    await nango.post({ endpoint: '/rows', data: { id: '1' }, headers: { a: 'b' } });
    await nango.batchSave([row], 'Row');
    await nango.log('saved');
  },
});`;
const RUN = {
  kind: 'sync',
  context: { scriptName: 'rehearsal', models: ['Row'], providerConfigKey: '', provider: '', connectionId: '' },
  seed: '00'.repeat(32),
  now: 0,
  limits: { maxFrameBytes: 1024 * 1024, maxCallsInFlight: 100 },
};
/** What the worker would answer, by call. */
const VALUES: Readonly<Record<string, object>> = {
  request: { status: 200, statusText: 'OK', headers: { 'content-type': 'application/json' } },
  getConnection: { metadata: {} },
};
const ROUNDS = 50;

/** Throws when the texts do not do what a script needs: they are our own. */
export async function rehearse(texts: GuestTexts): Promise<CompiledTexts> {
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY);
  const core = new vm.Script(texts.core, { filename: 'nango:core' });
  const zod = new vm.Script(texts.zod, { filename: 'nango:zod' });
  const sent: Sent[] = [];
  const enter = (core.runInContext(context) as Boot)((...call) => void sent.push(call));
  enter('zod', zod.runInContext(context));
  const load: unknown = vm.runInContext(`(function (module, exports, require) {${SCRIPT}\n})`, context);
  enter('start', JSON.stringify(RUN), load, undefined);
  await answerAll(sent, enter);
  return { core: compiled(core), zod: compiled(zod) };
}

/** Plays the worker until the script has settled. */
async function answerAll(sent: Sent[], enter: Enter): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [number, kind, json] of sent.splice(0)) {
      if (kind === 'settled' && json === '{"ok":true}') return;
      if (number < 0) throw new Error(`the rehearsal ended otherwise than it should: ${json}`);
      const value = VALUES[kind] ?? null;
      enter('deliver', number, true, JSON.stringify(value), kind === 'request' ? '{"rows":[]}' : undefined, 0);
    }
    // Reactions of promises run meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('the rehearsal did not end');
}

function compiled(script: vm.Script): ArrayBuffer {
  return new Uint8Array(script.createCachedData()).buffer;
}
