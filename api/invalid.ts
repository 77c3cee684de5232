import type { z } from 'zod';
import { EngineError, type FailureCode, type InputFault } from '../contract/failures.ts';

/** The failure of a request's part (its body, its query, …) with all its mistakes. */
export function invalidPart(code: FailureCode, part: string, faults: readonly InputFault[]): EngineError {
  const lines = faults.map(({ path, message }) => (path.length === 0 ? message : `'${path.join('.')}': ${message}`));
  return new EngineError(code, `The request's ${part} is not valid: ${lines.join('; ')}.`, { details: { faults } });
}

/** What a schema found wrong, one entry for each unknown key, below `path`. Values are never part of it. */
export function faultsOf(error: z.core.$ZodError, path: readonly string[] = []): InputFault[] {
  return error.issues.flatMap((issue): InputFault[] => {
    const place = [...path, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
    if (issue.code !== 'unrecognized_keys') return [{ code: issue.code, message: issue.message, path: place }];
    return issue.keys.map((key) => ({ code: issue.code, message: 'unknown key', path: [...place, key] }));
  });
}
