/**
 * The sandbox: untrusted author scripts, run in isolates inside child processes. Here live compiling, the children, the
 * guest's `nango` object and the rules of its calls; the room knows the Host it is handed and nothing else of the
 * engine: no database, no network, no environment. A child serves one environment only, and an isolate one run only.
 */
import { availableParallelism } from 'node:os';
import type { ScriptOutcome, ScriptRun } from '../contract/script.ts';
import { type Child, startChild } from './child.ts';
import { type GuestRuntime, loadGuestRuntime } from './guest-runtime.ts';
import { residentBytes } from './resident-memory.ts';
import { abortedOutcome, interruptedOutcome } from './supervision.ts';

export type SandboxOptions = {
  /** Runs that may be under way at once: there will be children enough for them. @default none are promised */
  readonly runsAtOnce?: number;
  /**
   * Children that serve an environment; one spare besides is kept warm. More there are only for environments that would
   * have none. @default twice the processors, at least 2, and as many as hold `runsAtOnce`
   */
  readonly maxChildren?: number;
  /** Runs in one child at once. @default 20 */
  readonly runsPerChild?: number;
  /** Runs after which a child is replaced. @default 2000 */
  readonly recycleAfter?: number;
  /** Whether a spare is kept beside as many children as may be: for the next environment. @default true */
  readonly sparesWhenFull?: boolean;
  /** How long a child without runs is kept. @default 60000 */
  readonly idleMs?: number;
  readonly log?: (event: string, fields: Readonly<Record<string, unknown>>) => void;
};

export type Sandbox = {
  /** Runs one script. Never rejects for anything a script does; waits while all children of its environment are full. */
  readonly run: (run: ScriptRun) => Promise<ScriptOutcome>;
  /** Resolves once what every isolate needs is loaded, or could not be: then nothing here bundles any more. */
  readonly loaded: Promise<void>;
  /** Ends every child; runs still underway end as aborted. */
  readonly close: () => Promise<void>;
  /** `isolates`: those that hold a script, also one that was told to go and has not gone yet. */
  readonly stats: () => {
    readonly children: number;
    readonly isolates: number;
    readonly running: number;
    /** Resident memory of all children. */
    readonly residentBytes: number;
    /** Processes of the children that serve an environment. */
    readonly pids: readonly number[];
  };
};

type Waiting = { readonly run: ScriptRun; readonly start: (child: Child) => void };

/** Opens the sandbox and starts its spare child. */
export function createSandbox(options: SandboxOptions = {}): Sandbox {
  const { runsAtOnce = 0, runsPerChild = 20, recycleAfter = 2000, idleMs = 60_000, sparesWhenFull = true } = options;
  const enough = Math.max(2, 2 * availableParallelism(), Math.ceil(runsAtOnce / runsPerChild));
  const { maxChildren = enough } = options;
  const { log = () => undefined } = options;
  const runtime = loadGuestRuntime();
  // Asked for at once; whoever runs first meets the failure.
  runtime.catch(() => undefined);
  const children = new Set<Child>();
  const idleTimers = new Map<Child, NodeJS.Timeout>();
  const queue: Waiting[] = [];
  const closing = new AbortController();
  let spare: Child | undefined;

  const start = (texts: GuestRuntime): Child => {
    const child = startChild(texts, {
      freed: () => onFreed(child),
      exited: ({ code, signal, killed, stderr }) => {
        children.delete(child);
        if (spare === child) spare = undefined;
        clearTimeout(idleTimers.get(child));
        idleTimers.delete(child);
        if (!child.retired) log('sandbox.child.lost', { pid: child.pid, code, signal, killed, stderr });
        serve(texts);
      },
    });
    return child;
  };

  const bind = (texts: GuestRuntime, environment: string): Child => {
    const child = spare ?? start(texts);
    spare = undefined;
    child.environment = environment;
    children.add(child);
    // After the run's own frames are on their way, so that its start does not wait for the next spare's.
    setImmediate(() => {
      if (!closing.signal.aborted && (sparesWhenFull || children.size < maxChildren)) spare ??= start(texts);
    });
    return child;
  };

  const choose = (texts: GuestRuntime, { environment, alone }: ScriptRun): Child | undefined => {
    if (alone === true) {
      // Past the limit if need be: it may never find all others idle. Retired, a child takes no second run.
      const child = bind(texts, environment);
      child.retired = true;
      return child;
    }
    const own = [...children].filter((child) => child.environment === environment && !child.retired);
    const roomy = own.filter((child) => child.running() < runsPerChild);
    const best = roomy.sort((a, b) => a.running() - b.running())[0];
    if (best !== undefined) return best;
    if (children.size < maxChildren) return bind(texts, environment);
    const idle = [...children].find((child) => child.running() === 0 && !child.retired);
    // What others run may last for hours: an environment waits for its own runs only.
    if (idle === undefined) return own.length === 0 ? bind(texts, environment) : undefined;
    void idle.end();
    children.delete(idle);
    return bind(texts, environment);
  };

  const serve = (texts: GuestRuntime): void => {
    for (let at = 0; at < queue.length; ) {
      const one = queue[at];
      const child = one && choose(texts, one.run);
      if (one === undefined || child === undefined) {
        at++;
        continue;
      }
      queue.splice(at, 1);
      one.start(child);
    }
  };

  const onFreed = (child: Child): void => {
    if (child.started >= recycleAfter) child.retired = true;
    if (child.running() === 0 && child.retired) {
      children.delete(child);
      void child.end();
    } else if (child.running() === 0) keepIdle(child);
    void runtime.then(serve);
  };

  const keepIdle = (child: Child): void => {
    clearTimeout(idleTimers.get(child));
    const timer = setTimeout(() => {
      if (child.running() > 0) return;
      children.delete(child);
      void child.end();
    }, idleMs);
    timer.unref();
    idleTimers.set(child, timer);
  };

  const leftOutcome = (run: ScriptRun): ScriptOutcome => {
    const isInterrupted = run.interrupt?.aborted && !run.signal.aborted && !closing.signal.aborted;
    return isInterrupted ? interruptedOutcome() : abortedOutcome(run);
  };

  /** In a child as soon as one is chosen: until its run has begun, it would be taken for idle and might be ended. */
  const runInChild = (run: ScriptRun, texts: GuestRuntime): Promise<ScriptOutcome> =>
    new Promise((resolve) => {
      const signal = AbortSignal.any([run.signal, closing.signal]);
      const start = (child: Child): void => {
        stopListening();
        resolve(child.run({ ...run, signal }));
      };
      const waiting: Waiting = { run, start };
      const leave = (): void => {
        stopListening();
        queue.splice(queue.indexOf(waiting), 1);
        resolve(leftOutcome(run));
      };
      // Node keeps a signal that follows others, and all that its listeners hold, for as long as it has listeners.
      const stopListening = (): void => {
        signal.removeEventListener('abort', leave);
        run.interrupt?.removeEventListener('abort', leave);
      };
      signal.addEventListener('abort', leave);
      run.interrupt?.addEventListener('abort', leave);
      queue.push(waiting);
      serve(texts);
    });

  const all = (): readonly Child[] => [...children, ...(spare === undefined ? [] : [spare])];

  /** Children end by themselves when their pipe closes, unless a script has one stuck. */
  const killAll = (): void => {
    for (const { pid } of all()) {
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      } catch {
        // It is gone already.
      }
    }
  };
  process.on('exit', killAll);

  runtime.then(
    (texts) => {
      if (!closing.signal.aborted) spare ??= start(texts);
    },
    (error: unknown) => log('sandbox.runtime.missing', { message: String(error) }),
  );

  return {
    loaded: runtime.then(
      () => undefined,
      () => undefined,
    ),
    run: async (run) => {
      const texts = await runtime;
      if (run.signal.aborted || run.interrupt?.aborted || closing.signal.aborted) return leftOutcome(run);
      return runInChild(run, texts);
    },
    close: async () => {
      closing.abort();
      await Promise.all(all().map((child) => child.end(true)));
      process.off('exit', killAll);
    },
    stats: () => {
      const running = [...children].reduce((sum, child) => sum + child.running(), 0);
      const isolates = [...children].reduce((sum, child) => sum + child.isolates(), 0);
      return {
        children: all().length,
        isolates,
        running,
        residentBytes: all().reduce((sum, { pid }) => sum + residentBytes(pid), 0),
        pids: [...children].map((child) => child.pid).filter((pid) => pid !== undefined),
      };
    },
  };
}
