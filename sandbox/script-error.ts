/** From a stack inside the isolate to the author's own file and line, and from a child's last word to a failure. */
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { FAILURES, type FailureCode, type ScriptLocation } from '../contract/failures.ts';
import type { ScriptBundle, ScriptFailure, ScriptRun } from '../contract/script.ts';

/** What a child says about a thrown value; it comes from inside the isolate, so nothing in it is trusted. */
export type GuestError = {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly stack?: unknown;
  readonly code?: unknown;
  readonly payload?: unknown;
};

const FRAME = /script\.js:(\d+):(\d+)/g;

/** The author's position of a position in the bundle; undefined where the source map knows none. */
export function mapPosition(bundle: ScriptBundle, line: number, column: number): ScriptLocation | undefined {
  try {
    const map = new TraceMap(bundle.sourceMap);
    const found = originalPositionFor(map, { line, column: Math.max(0, column - 1) });
    if (found.source === null) return undefined;
    return { file: found.source, line: found.line, column: found.column + 1 };
  } catch {
    return undefined;
  }
}

/** The innermost frame of a stack that lies in the author's own code, preferring it over bundled packages. */
export function locateStack(bundle: ScriptBundle, stack: string): ScriptLocation | undefined {
  const found: ScriptLocation[] = [];
  for (const [, line, column] of stack.slice(0, 20_000).matchAll(FRAME)) {
    const location = mapPosition(bundle, Number(line), Number(column));
    if (location !== undefined) found.push(location);
  }
  return found.find(({ file }) => !file.includes('node_modules/')) ?? found[0];
}

/** The failure of a run whose script threw. An ActionError keeps its own message, which is meant for the caller. */
export function thrownFailure(run: ScriptRun, error: GuestError): ScriptFailure {
  const code: FailureCode = isCode(error.code) ? error.code : 'script_failed';
  const name = typeof error.name === 'string' ? error.name : 'Error';
  const message = typeof error.message === 'string' ? error.message : 'it threw a value that cannot be read';
  const location = typeof error.stack === 'string' ? locateStack(run.bundle, error.stack) : undefined;
  const details = {
    ...(location === undefined ? {} : { location }),
    ...(error.payload === undefined ? {} : { payload: error.payload }),
  };
  if (code === 'action_failed') return { code, message, details };
  const cause = name === 'Error' || code !== 'script_failed' ? message : `${name}: ${message}`;
  return { code, message: `${nameOf(run)} failed${placeOf(run, location)}: ${cause}`, details };
}

/** `Sync 'tasks'`, for the head of a message. */
export function nameOf(run: ScriptRun): string {
  return `${run.kind === 'action' ? 'Action' : 'Sync'} '${run.context.scriptName}'`;
}

/** ` in tasks.ts:3:7`, or the file alone where the line is not known. */
export function placeOf(run: ScriptRun, location: ScriptLocation | undefined): string {
  return location === undefined ? ` in ${run.bundle.file}` : ` in ${location.file}:${location.line}:${location.column}`;
}

function isCode(code: unknown): code is FailureCode {
  return typeof code === 'string' && Object.hasOwn(FAILURES, code);
}
