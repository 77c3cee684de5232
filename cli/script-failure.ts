import { EngineError } from '../contract/failures.ts';
import type { ScriptFailure } from '../contract/script.ts';

/** The failure of a script that was run here, with the author's file and line in front of its message. */
export function scriptFailure(file: string, { code, message, details }: ScriptFailure): EngineError {
  const { location, payload } = details;
  const place = location === undefined ? file : `${location.file}:${location.line}:${location.column}`;
  const lines = [`${place}: ${message} (${code})`];
  if (payload !== undefined) lines.push(JSON.stringify(payload, null, 2));
  return new EngineError(code, message, { details: { ...details, mistakes: lines } });
}
