/** Events as JSON lines: a name and fields, no prose, no secrets. */
export type Log = (event: string, fields: Readonly<Record<string, unknown>>) => void;

const SECRET = /(authorization|cookie|password|secret|token|api_?key|credential|private_?key)/i;

/** Writes one JSON line per event; fields whose key names a secret are masked at any depth. */
export function createLog(write: (line: string) => void, clock: () => Date): Log {
  return (event, fields) => {
    write(`${JSON.stringify({ at: clock().toISOString(), event, ...fields }, mask)}\n`);
  };
}

function mask(key: string, value: unknown): unknown {
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (typeof value === 'bigint') return String(value);
  return SECRET.test(key) && value !== null && value !== undefined ? '***' : value;
}
