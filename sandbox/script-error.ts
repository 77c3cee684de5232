/** From a stack inside the isolate to the author's own file and line, and from a child's last word to a failure. */
import { originalPositionFor, type SourceMapInput, TraceMap } from '@jridgewell/trace-mapping';
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

/** Whether a call of the script was refused by that code. */
export type Heard = (code: FailureCode) => boolean;

/** What the prelude itself finds wrong with what a script does. */
const FOUND_INSIDE: ReadonlySet<FailureCode> = new Set([
  'script_failed',
  'action_failed',
  'script_limit_exceeded',
  'record_invalid',
  'checkpoint_invalid',
]);
/** The prelude keeps to less; a script that broke it does not. */
const LONGEST_NAME = 200;
const LONGEST_MESSAGE = 8_192;
const LARGEST_PAYLOAD = 262_144;

/** As many as the prelude lets V8 tell. */
const MOST_FRAMES = 30;
/**
 * Of what a map consists of. Its mappings alone take a second for five megabytes, in which everything else in the process
 * waits; those of a bundle of three megabytes have two.
 */
const LONGEST_MAPPINGS = 2 * 1024 * 1024;
const LONGEST_MAP = 32 * 1024 * 1024;
const MOST_SOURCES = 10_000;
const LONGEST_FILE = 500;

const FRAME = /script\.js:(\d+):(\d+)/g;

/** The author's position of a position in the bundle; undefined where the source map knows none. */
export function mapPosition(bundle: ScriptBundle, line: number, column: number): ScriptLocation | undefined {
  const map = openMap(bundle);
  return map && positionIn(map, line, column);
}

/** The map of a bundle, which whoever deployed it may have written; undefined for one that is none or too long to read. */
function openMap({ sourceMap }: ScriptBundle): TraceMap | undefined {
  if (sourceMap.length > LONGEST_MAP) return undefined;
  try {
    const map: { mappings?: unknown; sources?: unknown } = JSON.parse(sourceMap);
    if (typeof map.mappings !== 'string' || map.mappings.length > LONGEST_MAPPINGS) return undefined;
    if (!Array.isArray(map.sources) || map.sources.length > MOST_SOURCES) return undefined;
    return new TraceMap(map as SourceMapInput);
  } catch {
    return undefined;
  }
}

function positionIn(map: TraceMap, line: number, column: number): ScriptLocation | undefined {
  try {
    const found = originalPositionFor(map, { line, column: Math.max(0, column - 1) });
    if (found.source === null) return undefined;
    return { file: found.source.slice(0, LONGEST_FILE), line: found.line, column: found.column + 1 };
  } catch {
    return undefined;
  }
}

/** The innermost frame of a stack that lies in the author's own code, preferring it over bundled packages. */
export function locateStack(bundle: ScriptBundle, stack: string): ScriptLocation | undefined {
  const found: ScriptLocation[] = [];
  const frames = [...stack.slice(0, 20_000).matchAll(FRAME)].slice(0, MOST_FRAMES);
  // Once for all of them: reading it is what takes long.
  const map = frames.length === 0 ? undefined : openMap(bundle);
  for (const [, line, column] of frames) {
    const location = map && positionIn(map, Number(line), Number(column));
    if (location !== undefined) found.push(location);
  }
  return found.find(({ file }) => !file.includes('node_modules/')) ?? found[0];
}

/**
 * The failure of a run whose script threw. An ActionError keeps its own message, which is meant for the caller. A code
 * is believed if the script can have it: one that says the engine is at fault would have its run begun again.
 */
export function thrownFailure(run: ScriptRun, error: GuestError, hasHeard: Heard): ScriptFailure {
  const { code: said } = error;
  const code = isCode(said) && (FOUND_INSIDE.has(said) || hasHeard(said)) ? said : 'script_failed';
  const name = typeof error.name === 'string' ? error.name.slice(0, LONGEST_NAME) : 'Error';
  const message =
    typeof error.message === 'string'
      ? error.message.slice(0, LONGEST_MESSAGE)
      : 'it threw a value that cannot be read';
  const location = typeof error.stack === 'string' ? locateStack(run.bundle, error.stack) : undefined;
  const payload = isSmall(error.payload) ? error.payload : undefined;
  const details = {
    ...(location === undefined ? {} : { location }),
    ...(payload === undefined ? {} : { payload }),
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

function isSmall(payload: unknown): boolean {
  return payload === undefined || JSON.stringify(payload).length <= LARGEST_PAYLOAD;
}

function isCode(code: unknown): code is FailureCode {
  return typeof code === 'string' && Object.hasOwn(FAILURES, code);
}
