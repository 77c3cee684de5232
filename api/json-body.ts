import { isUtf8 } from 'node:buffer';
import express, { type Request, type Response } from 'express';
import { EngineError } from '../contract/failures.ts';

export type ReadJson = (request: Request, response: Response) => Promise<unknown>;

/**
 * Reads a body as JSON whatever its content type says; no body is an empty object. Throws `invalid_body` for text that
 * is not JSON or not UTF-8 and `payload_too_large` naming the limit.
 */
export function createJsonReader(maxBytes: number): ReadJson {
  const parse = express.json({
    limit: maxBytes,
    type: () => true,
    verify: (_request, _response, bytes) => checkUtf8(bytes),
  });
  return (request, response) =>
    new Promise((resolve, reject) => {
      parse(request, response, (error?: unknown) => {
        if (error === undefined) resolve(request.body ?? {});
        else reject(bodyFault(error, maxBytes));
      });
    });
}

function checkUtf8(bytes: Buffer): void {
  if (!isUtf8(bytes)) throw new EngineError('invalid_body', 'The body is not valid UTF-8: expected JSON in UTF-8.');
}

/** The parser's faults carry a `type`, those of the decompression a status alone; any other error is thrown on as it is. */
function bodyFault(error: unknown, maxBytes: number): unknown {
  if (typeof error !== 'object' || error === null) return error;
  switch ('type' in error ? error.type : undefined) {
    case 'entity.too.large':
      return new EngineError('payload_too_large', `The body is larger than the limit of ${maxBytes} bytes.`, {
        cause: error,
      });
    case 'entity.parse.failed':
      return new EngineError('invalid_body', `The body is not JSON: ${parseFault(error)}.`, { cause: error });
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new EngineError(
        'invalid_body',
        `The body's encoding is not supported: expected UTF-8, plain or gzip, deflate, br.`,
        {
          cause: error,
        },
      );
    case 'request.size.invalid':
      return new EngineError('invalid_body', 'The body is shorter than its content-length.', { cause: error });
    default:
      if (!('status' in error) || error.status !== 400) return error;
      return new EngineError('invalid_body', 'The body is not what its content-encoding says, or breaks off.', {
        cause: error,
      });
  }
}

// V8's message may quote the body, which can hold a secret: only the position is taken from it.
function parseFault(error: object): string {
  const message = 'message' in error ? String(error.message) : '';
  const position = /at position (\d+)(?: \(line (\d+) column (\d+)\))?/.exec(message);
  if (position === null) return 'expected a JSON object';
  const [, offset, line, column] = position;
  return line === undefined
    ? `it stops making sense at position ${offset}`
    : `line ${line}, column ${column} (position ${offset})`;
}
