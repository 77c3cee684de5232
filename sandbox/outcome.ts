/** How a run ended, from a child's last word or its death to an outcome with words for the author. */
import type { ScriptFailure, ScriptOutcome, ScriptRun } from '../contract/script.ts';
import { failure } from './call-desk.ts';
import { isJson } from './calls.ts';
import { type GuestError, type Heard, mapPosition, nameOf, placeOf, thrownFailure } from './script-error.ts';

/** Header of the frame that ends a run; see `GuestEnd` in the runner. */
export type EndWord = {
  readonly end: string;
  readonly error?: GuestError;
  readonly phase?: string;
  readonly line?: number;
  readonly column?: number;
};

/** How a child process went. */
export type ChildExit = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** Why we killed it ourselves, if we did. */
  readonly killed?: 'memory' | 'protocol' | 'stuck';
};

/** The outcome of a run that ended by itself inside its child. */
export function outcomeOfEnd(
  run: ScriptRun,
  word: EndWord,
  said: { readonly calls: number; readonly output: string | undefined; readonly hasHeard: Heard },
): ScriptOutcome {
  const { calls, output, hasHeard } = said;
  if (word.end === 'completed' && (output === undefined || isJson(output)))
    return { status: 'completed', output, calls };
  return { status: 'failed', failure: failureOfEnd(run, word, hasHeard), calls };
}

function failureOfEnd(run: ScriptRun, word: EndWord, hasHeard: Heard): ScriptFailure {
  const { limits } = run;
  switch (word.end) {
    case 'thrown':
      return thrownFailure(run, word.error ?? {}, hasHeard);
    case 'completed':
      return failure('script_failed', `${nameOf(run)} failed in ${run.bundle.file}: what it returned is no JSON.`);
    case 'stuck':
      return failure(
        'script_failed',
        `${nameOf(run)} failed in ${run.bundle.file}: it waits for a promise that nothing will settle (no call and no timer is outstanding).`,
      );
    case 'memory':
      return memoryFailure(run);
    case 'output':
      return failure('script_limit_exceeded', `${nameOf(run)} returned more than ${limits.maxFrameBytes} bytes.`);
    case 'flood':
      return failure('script_limit_exceeded', `${nameOf(run)} has too many host calls and timers outstanding.`);
    case 'cpu':
      return cpuFailure(run, word);
    default:
      return failure('runner_lost', `${nameOf(run)} ended for the unknown reason '${word.end}'.`);
  }
}

function cpuFailure(run: ScriptRun, { line, column }: EndWord): ScriptFailure {
  const location = line === undefined ? undefined : mapPosition(run.bundle, line, column ?? 1);
  const message =
    `${nameOf(run)} was stopped${placeOf(run, location)}: it computed for more than ${run.limits.cpuMs} ms between two host calls. ` +
    'Time stands still between calls, so a loop that waits for Date.now() never ends: wait with setTimeout instead.';
  return { code: 'script_timed_out', message, details: location === undefined ? {} : { location } };
}

function memoryFailure(run: ScriptRun): ScriptFailure {
  const message = `${nameOf(run)} was stopped in ${run.bundle.file}: it needs more than its memory limit of ${run.limits.memoryMb} MB.`;
  return failure('script_out_of_memory', message);
}

/** The failure of a run that was in a child when it died: its own doing only where that is certain. */
export function failureOfExit(run: ScriptRun, runId: number, exit: ChildExit, isAlone: boolean): ScriptFailure {
  const culprit = /catastrophe run=(\d+)/.exec(exit.stderr)?.[1];
  if (culprit !== undefined && Number(culprit) === runId) return memoryFailure(run);
  const ranOut = exit.killed === 'memory' || /out of memory|allocation failed/i.test(exit.stderr);
  if (ranOut && isAlone) return memoryFailure(run);
  return failure(
    'runner_lost',
    `${nameOf(run)} lost its runner process: ${reasonOfExit(exit)}. It may be tried again.`,
  );
}

function reasonOfExit({ code, signal, killed }: ChildExit): string {
  if (killed === 'memory') return 'the process used more memory than its runs may';
  if (killed === 'protocol') return 'the process broke the protocol';
  if (killed === 'stuck') return 'the process did not answer';
  if (code === 134 || signal === 'SIGABRT') return 'the process aborted (code 134, most often for want of memory)';
  if (signal === 'SIGKILL') return 'the process was killed (SIGKILL, often by the system for want of memory)';
  return signal === null ? `the process exited with code ${code}` : `the process ended by ${signal}`;
}
