/** JSON given on the command line, as text or as `@file`. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { EngineError } from '../contract/failures.ts';

/** The JSON text of a flag, `@file` being read relative to `cwd`. Throws `invalid_body`, naming flag and mistake. */
export async function readJsonArgument(flag: string, argument: string, cwd: string): Promise<string> {
  if (!argument.startsWith('@')) return checked(flag, argument, argument);
  const path = resolve(cwd, argument.slice(1));
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EngineError('invalid_body', `File '${path}' of ${flag} cannot be read: expected a JSON file.`, { cause });
  });
  return checked(flag, text, argument);
}

/** As `readJsonArgument` for a flag that takes an object; undefined where the flag is not given. */
export async function readObjectArgument(
  flag: string,
  argument: string | undefined,
  cwd: string,
): Promise<Record<string, unknown> | undefined> {
  return argument === undefined ? undefined : parseJsonObject(await readJsonArgument(flag, argument, cwd), flag);
}

/** Throws `invalid_body` unless the text is a JSON object. `where` names its place. */
export function parseJsonObject(text: string, where: string): Record<string, unknown> {
  const value = parse(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new EngineError('invalid_body', `The text of ${where} is no JSON object: expected '{"key": "value"}'.`);
}

function checked(flag: string, text: string, argument: string): string {
  if (parse(text) !== undefined) return text;
  const quoted = argument.startsWith('@')
    ? ''
    : `; a bare text needs its own quotes, as in '"${argument.slice(0, 20)}"'`;
  throw new EngineError(
    'invalid_body',
    `The value '${argument.slice(0, 60)}' of ${flag} is no JSON: expected JSON or @file${quoted}.`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
