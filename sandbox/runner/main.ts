/**
 * The runner child: isolates and one pipe, nothing else. It has no environment, no files but its own code, no network
 * code and no secrets; what it is told comes in frames on descriptor 3, and it goes when that pipe closes.
 */
import type { RunKind } from '../../contract/script.ts';
import { Socket } from 'node:net';
import type ivm from 'isolated-vm';
import { createFrameReader, createFrameWriter, type Frame } from '../frames.ts';
import { type GuestRun, startGuestRun } from './guest-run.ts';
import { createWarmIsolates, type WarmIsolates } from './warm.ts';

const WARM = 2;
/** The id of `nobody`, of whom no file is. */
const NOBODY = 65_534;
const WATCH_MS = 25;
/** How much the process may grow over its size at rest before heaps are asked for. */
const GROWTH_BYTES = 48 * 1024 * 1024;

const pipe = new Socket({ fd: 3, readable: true, writable: true });
const send = createFrameWriter(pipe);
const runs = new Map<number, GuestRun>();
let warm: WarmIsolates | undefined;
let watch: NodeJS.Timeout | undefined;
let restingBytes = 0;
let recentBytes = 0;
let maxFrameBytes = 1024 * 1024 * 1024;

/** V8 lost an isolate: say whose it was, then die before anything else happens. */
function onCatastrophe(isolate: ivm.Isolate, message: string): void {
  const [id] = [...runs].find(([, run]) => run.isOf(isolate)) ?? [];
  process.stderr.write(`catastrophe run=${id ?? 'none'} ${message}\n`);
  process.abort();
}

function onFrame({ header, body }: Frame): void {
  const id = Number(header['run']);
  switch (header['type']) {
    case 'setup':
      setUp(header, body);
      break;
    case 'run':
      startRun(id, header, body);
      break;
    case 'answer':
      runs.get(id)?.answer(readAnswer(header, body));
      break;
    case 'debug':
      runs.get(id)?.fromDebugger(body.toString('utf8'));
      break;
    case 'stop':
      runs.get(id)?.stop();
      endRun(id);
      send({ type: 'stopped', run: id });
      break;
    case 'exit':
      leave(0);
      break;
    default:
      leave(3);
  }
}

function setUp(header: Frame['header'], body: Buffer): void {
  const coreBytes = Number(header['coreBytes']);
  maxFrameBytes = Number(header['maxFrameBytes']);
  const texts = { core: body.toString('utf8', 0, coreBytes), zod: body.toString('utf8', coreBytes) };
  warm = createWarmIsolates(texts, WARM, onCatastrophe);
  // Before any script is here; the addon and all code are loaded by now, which the other user might not read.
  dropUser();
  warm.refill().then(
    () => {
      restingBytes = process.memoryUsage.rss();
    },
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      leave(4);
    },
  );
}

/** Started as root, go on as nobody: what gets out of an isolate and past the permission model has no rights left. */
function dropUser(): void {
  if (process.getuid?.() !== 0) return;
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}

function startRun(id: number, header: Frame['header'], body: Buffer): void {
  // The worker sends the setup first; a run before it means the two do not speak one protocol.
  if (warm === undefined) process.exit(3);
  const [scriptBytes, codeBytes] = [Number(header['scriptBytes']), Number(header['codeBytes'])];
  const request = {
    kind: header['kind'] as RunKind,
    scriptJson: body.toString('utf8', 0, scriptBytes),
    code: body.toString('utf8', scriptBytes, scriptBytes + codeBytes),
    input: header['hasInput'] === true ? body.toString('utf8', scriptBytes + codeBytes) : undefined,
    memoryMb: Number(header['memoryMb']),
    cpuMs: Number(header['cpuMs']),
    maxFrameBytes: Number(header['maxFrameBytes']),
    isDebugged: header['isDebugged'] === true,
  };
  if (watch === undefined) {
    recentBytes = process.memoryUsage.rss();
    watch = setInterval(watchRuns, WATCH_MS);
  }
  const run = startGuestRun({ warm, recentRss: () => recentBytes }, request, {
    call: (number, kind, json, text) => {
      const argsBytes = Buffer.byteLength(json);
      const hasBody = text !== undefined;
      send({ type: 'call', run: id, number, kind, argsBytes, hasBody }, json, text ?? '');
    },
    timerCleared: (number) => send({ type: 'cleared', run: id, number }),
    delivered: (number, waiting) => send({ type: 'delivered', run: id, number, waiting }),
    ended: (end, calls, output) => {
      endRun(id);
      send({ type: 'ended', run: id, end, calls, hasOutput: output !== undefined }, output ?? '');
    },
    toDebugger: (message) => send({ type: 'debug', run: id }, message),
    retire: () => send({ type: 'retire' }),
    poisoned: (grows) => send({ type: 'poisoned', grows }),
  });
  runs.set(id, run);
}

function watchRuns(): void {
  const all = [...runs.values()];
  recentBytes = process.memoryUsage.rss();
  for (const run of all) {
    run.heedRss(recentBytes);
    void run.watchCpu();
  }
  if (recentBytes - restingBytes <= GROWTH_BYTES) return;
  const held = all.map((run) => run.mayHold());
  const sum = held.reduce((one, other) => one + other, 0);
  for (const [at, run] of all.entries()) run.watchHeap(recentBytes, sum - (held[at] ?? 0));
}

function endRun(id: number): void {
  runs.delete(id);
  if (runs.size === 0) {
    clearInterval(watch);
    watch = undefined;
  }
  void warm?.refill();
}

function readAnswer(header: Frame['header'], body: Buffer) {
  const jsonBytes = Number(header['jsonBytes']);
  const rest = body.subarray(jsonBytes);
  const kind = header['body'];
  return {
    number: Number(header['number']),
    ok: header['ok'] === true,
    json: body.toString('utf8', 0, jsonBytes),
    body: kind === 'text' ? rest.toString('utf8') : kind === 'bytes' ? rest : undefined,
    now: Number(header['now']),
  };
}

/**
 * Nothing here would have to be saved, and both an ordinary exit and the disposal of isolates may hang where an isolate
 * is stuck: so the usual way out is a signal. Otherwise isolates go first, since exiting while one runs is a crash.
 */
function leave(code: number): void {
  if (code === 0) process.kill(process.pid, 'SIGKILL');
  for (const run of runs.values()) run.stop();
  warm?.dispose();
  process.exit(code);
}

pipe.on(
  'data',
  createFrameReader(() => maxFrameBytes, onFrame),
);
pipe.on('error', () => leave(0));
pipe.on('close', () => leave(0));
