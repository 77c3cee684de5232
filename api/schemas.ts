/** The shapes that several routes share. Names as in the facts of the REST API; text never holds NUL, which Postgres refuses. */
import { z } from 'zod';
import { jsonFault } from './json-value.ts';

const NUL = '\u0000';

/** Text that names something which must exist already: its shape is not judged, an unknown name is answered as such. */
export const knownName = z
  .string({ error: 'expected a text' })
  .min(1, 'expected a name')
  .max(255, 'expected at most 255 characters')
  .refine((text) => !text.includes(NUL), 'expected a name without NUL characters');

export const integrationKey = z
  .string({ error: "expected the integration's id" })
  .max(255)
  .regex(/^[a-zA-Z0-9~:.@ _-]+$/, "expected letters, digits and any of '~:.@ _-'");

export const connectionId = z
  .string({ error: "expected the connection's id" })
  .max(255)
  .regex(
    /^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$/,
    'expected letters, digits, spaces, quotes and any of , . ; : = + ~ [ ] | @ $ { } \\ / _ -',
  );

export const scriptName = z
  .string({ error: 'expected a name' })
  .max(255)
  .regex(/^[a-zA-Z0-9_-]+$/, "expected letters, digits, '_' and '-'");

export const modelName = z
  .string({ error: "expected a model's name" })
  .max(255)
  .regex(/^[a-zA-Z_][a-zA-Z0-9_-]*$/, "expected letters, digits, '_' and '-', beginning with a letter");

export const freeText = z.string().refine((text) => !text.includes(NUL), 'expected text without NUL characters');

/** A JSON object that goes into a jsonb column. */
export const jsonObject = z
  .record(z.string(), z.unknown(), { error: 'expected an object' })
  .superRefine((value, context) => {
    const fault = jsonFault(value);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  });

/** Names the connection a request is about, as `/records`, `/action/trigger` and `/proxy` do. */
export const connectionHeaders = z.object({
  'provider-config-key': knownName,
  'connection-id': knownName,
});

/** `'true'` and `'false'` in a query. */
export const flag = z
  .enum(['true', 'false'], { error: "expected 'true' or 'false'" })
  .transform((text) => text === 'true');

/** A whole number in a query. */
export function wholeNumber(from: number, to: number) {
  const expected = `expected a whole number from ${from} to ${to}`;
  return z
    .string()
    .regex(/^-?\d{1,16}$/, expected)
    .transform(Number)
    .refine((value) => value >= from && value <= to, expected);
}

/** `a,b` in a query. */
export const commaList = freeText.transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

/** `name[a]=1&name[b]=2` of a query as `{ a: '1', b: '2' }`. */
export function bracketed(query: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(query)) {
    const inner = key.startsWith(`${name}[`) && key.endsWith(']') ? key.slice(name.length + 1, -1) : '';
    if (inner !== '' && inner !== '__proto__') found[inner] = value;
  }
  return found;
}
