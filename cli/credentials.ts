/** Where the credentials of a new connection come from: stdin or a hidden question, never the command line. */
import { EngineError } from '../contract/failures.ts';
import type { CommandContext } from './command.ts';
import { readStdin } from './io.ts';
import { parseJsonObject } from './json-argument.ts';
import { askForSecret } from './questions.ts';

export type CredentialFlags = { readonly apiKeyStdin?: boolean; readonly credentialsStdin?: boolean };

/** The credentials for a provider of this auth mode. Throws `invalid_body` when they cannot be asked for. */
export async function readCredentials(
  context: CommandContext,
  authMode: string,
  flags: CredentialFlags,
): Promise<Record<string, unknown>> {
  if (flags.credentialsStdin) return parseJsonObject(await readStdin(context.io), 'stdin (--credentials-stdin)');
  if (flags.apiKeyStdin) return { type: 'API_KEY', apiKey: notEmpty(await readStdin(context.io)) };
  if (authMode === 'NONE') return { type: 'NONE' };
  if (authMode !== 'API_KEY') {
    throw new EngineError(
      'invalid_body',
      `Credentials of type ${authMode} are read from stdin: pass --credentials-stdin and a JSON object, such as ${exampleFor(authMode)}.`,
    );
  }
  if (context.isInteractive()) return { type: 'API_KEY', apiKey: notEmpty(await askForSecret(context.io, 'API key')) };
  throw new EngineError(
    'invalid_body',
    'The API key is missing and nobody can be asked for it: pass --api-key-stdin and the key on stdin.',
  );
}

function notEmpty(apiKey: string): string {
  if (apiKey.trim() !== '') return apiKey.trim();
  throw new EngineError('invalid_body', 'The API key is empty: expected the key of the account.');
}

function exampleFor(authMode: string): string {
  if (authMode === 'BASIC') return `'{"type":"BASIC","username":"…","password":"…"}'`;
  if (authMode === 'OAUTH2') return `'{"type":"OAUTH2","access_token":"…"}'`;
  return `'{"type":"${authMode}", …}'`;
}
