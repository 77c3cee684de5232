/** One runner child as the worker sees it: started, bound to one environment, given runs, watched, killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ScriptOutcome, ScriptRun } from '../contract/script.ts';
import { type Desk, type DeskAnswer, openCallDesk } from './call-desk.ts';
import { createFrameReader, createFrameWriter, type Frame } from './frames.ts';
import type { GuestRuntime } from './guest-runtime.ts';
import { type ChildExit, type EndWord, failureOfExit, outcomeOfEnd } from './outcome.ts';
import { residentBytes } from './resident-memory.ts';
import { superviseRun } from './supervision.ts';

export type ChildEvents = {
  /** A run is over, so there is room. */
  readonly freed: () => void;
  readonly exited: (exit: ChildExit) => void;
};

export type Child = {
  readonly pid: number | undefined;
  environment: string | undefined;
  /** Set when it should take no more runs. */
  retired: boolean;
  started: number;
  readonly running: () => number;
  /** Isolates that hold a script: those of runs, and those told to go that have not confirmed it. */
  readonly isolates: () => number;
  readonly run: (run: ScriptRun) => Promise<ScriptOutcome>;
  /** Ends the process once its runs are over or `force` is given; resolves when it is gone. */
  readonly end: (force?: boolean) => Promise<void>;
};

type Active = {
  readonly id: number;
  readonly run: ScriptRun;
  readonly desk: Desk;
  readonly settle: (outcome: ScriptOutcome) => void;
  /** How it was ended from outside; what its process does afterwards changes nothing. */
  decided: ScriptOutcome | undefined;
};

const HERE = dirname(fileURLToPath(import.meta.url));
const ENVIRONMENT = { TZ: 'UTC', LANG: 'en_US.UTF-8', LC_ALL: 'en_US.UTF-8' };
const SHELL = '/bin/sh';
/** No core dump of a script's secrets, no file written, few descriptors; memory and processor are watched by us. */
const RLIMITS = 'ulimit -c 0 && ulimit -f 0 && ulimit -n 256 && unset PWD OLDPWD SHLVL';
const STDERR_BYTES = 16_384;
const RSS_EVERY_MS = 200;
/** Node, the prelude's texts, two warm isolates, buffers of frames. */
const BASE_RSS_MB = 320;
const NEIGHBOURS_PATIENCE_MS = 30_000;
const STOP_PATIENCE_MS = 800;
const DEFAULT_FRAME_BYTES = 64 * 1024 * 1024;

/** Starts a child; runs may be given at once, they wait in the pipe until it is ready. */
export function startChild(runtime: GuestRuntime, events: ChildEvents): Child {
  const process = spawnRunner();
  const pipe = process.stdio[3] as Duplex;
  const active = new Map<number, Active>();
  const awaitingStop = new Map<number, NodeJS.Timeout>();
  let stderr = '';
  let nextId = 1;
  let killed: ChildExit['killed'];
  let maxFrameBytes = DEFAULT_FRAME_BYTES;
  let onGone: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    onGone = resolve;
  });

  const send = createFrameWriter(pipe);

  const kill = (reason: ChildExit['killed']): void => {
    killed ??= reason;
    process.kill('SIGKILL');
  };

  const settle = (id: number, outcome: ScriptOutcome): void => {
    const one = active.get(id);
    if (one === undefined) return;
    active.delete(id);
    const explained = one.desk.explain(outcome);
    one.desk.close();
    one.settle(explained);
    events.freed();
  };

  /**
   * Ends a run from outside; the script is given no say, and a child that does not confirm is killed. Calls that must
   * not be made twice are let finish, unless the run is over for good.
   */
  const stopRun = (id: number, outcome: ScriptOutcome, isOver = false): void => {
    const one = active.get(id);
    if (one === undefined || one.decided !== undefined) return;
    one.decided = outcome;
    send({ type: 'stop', run: id });
    awaitingStop.set(
      id,
      setTimeout(() => kill('stuck'), STOP_PATIENCE_MS),
    );
    if (isOver) settle(id, outcome);
    else void one.desk.salvage().finally(() => settle(id, outcome));
  };

  /** An isolate in it cannot be stopped: at once where it eats memory, else when its neighbours have finished. */
  const onPoisoned = (grows: boolean): void => {
    child.retired = true;
    if (grows || active.size === 0) kill('stuck');
    else setTimeout(() => kill('stuck'), NEIGHBOURS_PATIENCE_MS).unref();
  };

  const onFrame = ({ header, body }: Frame): void => {
    const id = Number(header['run']);
    if (header['type'] === 'stopped') {
      clearTimeout(awaitingStop.get(id));
      awaitingStop.delete(id);
      return;
    }
    if (header['type'] === 'retire') {
      child.retired = true;
      return;
    }
    if (header['type'] === 'poisoned') {
      onPoisoned(header['grows'] === true);
      return;
    }
    const one = active.get(id);
    // What was said before the script heard that it is over: a call of it must not be made, its end not be believed.
    if (one !== undefined && one.decided === undefined) onRunFrame(one, header, body, settle);
  };

  const onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
    for (const timer of awaitingStop.values()) clearTimeout(timer);
    clearInterval(rssWatch);
    const exit: ChildExit = { code, signal, stderr, ...(killed === undefined ? {} : { killed }) };
    const isAlone = active.size === 1;
    for (const { id, run, desk, decided } of [...active.values()]) {
      const lost: ScriptOutcome = { status: 'failed', failure: failureOfExit(run, id, exit, isAlone), calls: 0 };
      const outcome = decided ?? lost;
      void desk.salvage().finally(() => settle(id, outcome));
    }
    events.exited(exit);
    onGone();
  };

  const read = createFrameReader(() => maxFrameBytes, onFrame);
  pipe.on('data', (chunk: Buffer) => {
    try {
      read(chunk);
    } catch {
      kill('protocol');
    }
  });
  // A broken pipe is the exit's business; without a listener it would end the worker.
  pipe.on('error', () => undefined);
  process.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_BYTES);
  });
  process.on('error', () => onExit(null, null));
  process.on('exit', onExit);
  const rssWatch = setInterval(() => {
    if (
      active.size > 0 &&
      residentBytes(process.pid) / 2 ** 20 > rssLimitMb([...active.values()].map(({ run }) => run))
    )
      kill('memory');
  }, RSS_EVERY_MS);
  rssWatch.unref();
  send(
    { type: 'setup', coreBytes: Buffer.byteLength(runtime.core), maxFrameBytes: 1024 ** 3 },
    runtime.core,
    runtime.zod,
  );

  const child: Child = {
    pid: process.pid,
    environment: undefined,
    retired: false,
    started: 0,
    running: () => active.size,
    isolates: () => new Set([...active.keys(), ...awaitingStop.keys()]).size,
    run: (run) =>
      new Promise((resolve) => {
        const id = nextId++;
        child.started += 1;
        maxFrameBytes = Math.max(maxFrameBytes, run.limits.maxFrameBytes);
        const supervision = superviseRun(run, {
          stop: (outcome, isOver) => stopRun(id, outcome, isOver),
          interrupt: () => desk.interrupt(),
        });
        const desk: Desk = openCallDesk({
          host: run.host,
          clock: run.clock,
          limits: run.limits,
          journal: run.journal,
          send: (answer) => send(...answerFrame(id, answer)),
          endRun: (outcome) => stopRun(id, outcome),
          onLive: () => supervision.live(),
        });
        const finish = (outcome: ScriptOutcome): void => {
          supervision.end();
          resolve(outcome);
        };
        active.set(id, { id, run, desk, settle: finish, decided: undefined });
        send(...runFrame(id, run));
        if (run.interrupt?.aborted) desk.interrupt();
        run.debugger?.connect((message) => send({ type: 'debug', run: id }, message));
      }),
    end: async (force = false) => {
      child.retired = true;
      if (force) send({ type: 'exit' });
      if (force || active.size === 0) {
        send({ type: 'exit' });
        const timer = setTimeout(() => process.kill('SIGKILL'), STOP_PATIENCE_MS);
        await gone;
        clearTimeout(timer);
      }
    },
  };
  return child;
}

function onRunFrame(
  one: Active,
  header: Frame['header'],
  body: Buffer,
  settle: (id: number, outcome: ScriptOutcome) => void,
): void {
  const number = Number(header['number']);
  switch (header['type']) {
    case 'call': {
      const argsBytes = Number(header['argsBytes']);
      const text = header['hasBody'] === true ? body.toString('utf8', argsBytes) : undefined;
      one.desk.take(number, String(header['kind']), body.toString('utf8', 0, argsBytes), text);
      break;
    }
    case 'debug':
      one.run.debugger?.receive(body.toString('utf8'));
      break;
    case 'cleared':
      one.desk.dropTimer(number);
      break;
    case 'delivered':
      one.desk.delivered(number);
      break;
    case 'ended': {
      const output = header['hasOutput'] === true ? body.toString('utf8') : undefined;
      const said = { calls: Number(header['calls']), output, hasHeard: one.desk.hasHeard };
      const outcome = outcomeOfEnd(one.run, header['end'] as EndWord, said);
      settle(one.id, one.decided ?? one.desk.end(outcome));
      break;
    }
    default:
      throw new Error('an unknown frame');
  }
}

/**
 * A package as it is looked up from a file and as it really is: some installers put links in `node_modules`, some make
 * it one. Node looks at each link on the way, and allowing it one that leads to a folder allows all below.
 */
function findPackage(from: string, name: string): { readonly folder: string; readonly readable: readonly string[] } {
  const { resolve } = createRequire(from);
  const folder = dirname(realpathSync(resolve(name)));
  const parent = (resolve.paths(name) ?? []).find((path) => existsSync(join(path, name)));
  if (parent === undefined) return { folder, readable: [`${folder}/*`] };
  // Alone: beside a longer path that begins with it, Node would refuse the link itself.
  if (realpathSync(parent) !== parent) return { folder, readable: [`${folder}/*`, parent] };
  const link = join(parent, name);
  return { folder, readable: [`${folder}/*`, ...(link === folder ? [] : [link, `${link}/*`])] };
}

function spawnRunner(): ChildProcess {
  const addon = findPackage(import.meta.url, 'isolated-vm');
  const loader = findPackage(join(addon.folder, 'package.json'), 'node-gyp-build');
  // The last one is looked at by node-gyp-build to choose between two C libraries.
  const readable = [`${HERE}/*`, ...addon.readable, ...loader.readable, '/etc/alpine-release'];
  const flags = ['--no-node-snapshot', '--permission', '--allow-addons', '--disable-warning=SecurityWarning'];
  const runner = join(HERE, 'runner', `main${extname(import.meta.url)}`);
  const node = [process.execPath, ...flags, ...readable.map((path) => `--allow-fs-read=${path}`), runner];
  return spawn(SHELL, ['-c', `${RLIMITS} && exec "$0" "$@"`, ...node], {
    cwd: HERE,
    env: ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // A group of its own: Ctrl-C is for us, and runs are let finish before their process goes.
    detached: true,
  });
}

function runFrame(id: number, run: ScriptRun): [Record<string, unknown>, ...string[]] {
  const { limits, bundle, kind, context, seed, input } = run;
  const script = JSON.stringify({ kind, context, seed, now: (run.beginsAt ?? run.clock()).getTime(), limits });
  const header = {
    type: 'run',
    run: id,
    kind,
    scriptBytes: Buffer.byteLength(script),
    codeBytes: Buffer.byteLength(bundle.code),
    hasInput: input !== undefined,
    memoryMb: limits.memoryMb,
    cpuMs: limits.cpuMs,
    maxFrameBytes: limits.maxFrameBytes,
    isDebugged: run.debugger !== undefined,
  };
  return [header, script, bundle.code, input ?? ''];
}

function answerFrame(id: number, answer: DeskAnswer): [Record<string, unknown>, ...(string | Uint8Array)[]] {
  const { number, ok, now, json, body } = answer;
  const kind = body === undefined ? undefined : typeof body === 'string' ? 'text' : 'bytes';
  const header = { type: 'answer', run: id, number, ok, now, jsonBytes: Buffer.byteLength(json), body: kind };
  return [header, json, body ?? ''];
}

function rssLimitMb(runs: readonly ScriptRun[]): number {
  return runs.reduce((sum, { limits }) => sum + limits.memoryMb * 2 + limits.maxFrameBytes / 2 ** 20, BASE_RSS_MB);
}
