/** The old form: `<integration>/mocks/`, a folder of small files. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { dataOf, type MockCall } from './identity.ts';
import { earliestDate, isRecord, type RecordedAnswer, type Recording, textHeaders } from './recording.ts';

const DROPPED = new Set([
  ...['authorization', 'user-agent', 'nango-proxy-user-agent', 'accept-encoding', 'retries', 'host', 'connection-id'],
  'provider-config-key',
]);

/** The recording of a script below `mocks`; undefined where it has none. */
export function readOldForm(mocks: string, script: string): Recording | undefined {
  const own = join(mocks, script);
  if (!existsSync(own) || !statSync(own).isDirectory()) return undefined;
  const output = readJson(join(own, 'output.json'));
  const seen: (Record<string, string> | undefined)[] = [];
  return {
    form: 'old',
    file: own,
    input: readJson(join(own, 'input.json'))?.value,
    output,
    saved: rowsOf(own, 'batchSave.json'),
    deleted: rowsOf(own, 'batchDelete.json'),
    connection: recordIn(join(mocks, 'nango', 'getConnection.json')),
    metadata: readJson(join(mocks, 'nango', 'getMetadata.json'))?.value,
    answer: (call) => answerOf(mocks, script, call),
    recordedAt: () => {
      collectHeaders(join(mocks, 'nango'), script, seen);
      return earliestDate(seen);
    },
  };
}

function answerOf(mocks: string, script: string, call: MockCall): RecordedAnswer | undefined {
  const method = String(call.method ?? 'get').toLowerCase();
  const endpoint = call.endpoint.replace(/^\//, '');
  for (const path of new Set([endpoint, endpoint.split('?')[0] ?? endpoint])) {
    if (path.split('/').includes('..')) continue;
    const base = join(mocks, 'nango', method, 'proxy', path, script);
    if (existsSync(base) && statSync(base).isDirectory()) return hashedAnswer(base, method, endpoint, call);
    const flat = readJson(`${base}.json`);
    if (flat !== undefined) return { status: 200, headers: undefined, response: flat.value };
  }
  return undefined;
}

/** The file whose name is the call's hash, else the first one whose request is the same. */
function hashedAnswer(folder: string, method: string, endpoint: string, call: MockCall): RecordedAnswer | undefined {
  const params = pairsOf(call.params);
  const headers = pairsOf(call.headers).filter(([name]) => !DROPPED.has(name.toLowerCase()));
  const data = dataOf(call.data);
  const identity = { method, endpoint, params, headers, ...(data === undefined ? {} : { data }) };
  const named = readJson(join(folder, `${createHash('sha1').update(JSON.stringify(identity)).digest('hex')}.json`));
  if (named !== undefined) return fileAnswer(named.value);
  for (const name of readdirSync(folder).toSorted()) {
    const found = readJson(join(folder, name))?.value;
    const recorded = isRecord(found) && isRecord(found['requestIdentity']) ? found['requestIdentity'] : undefined;
    if (recorded === undefined) continue;
    const own = asPairs(recorded['headers']).filter(([header]) => !DROPPED.has(header.toLowerCase()));
    const isSame =
      isSameSet(asPairs(recorded['params']), params) &&
      isSameSet(own, headers) &&
      (recorded['data'] ?? undefined) === data;
    if (isSame) return fileAnswer(found);
  }
  return undefined;
}

function fileAnswer(value: unknown): RecordedAnswer {
  const file = isRecord(value) ? value : {};
  const status = typeof file['status'] === 'number' ? file['status'] : 200;
  return { status, headers: textHeaders(file['headers']) ?? {}, response: file['response'] };
}

function rowsOf(folder: string, name: string): Record<string, readonly unknown[]> {
  const models = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return Object.fromEntries(
    models.flatMap((model) => {
      const rows = readJson(join(folder, model.name, name))?.value;
      return Array.isArray(rows) ? [[model.name, rows as unknown[]]] : [];
    }),
  );
}

function collectHeaders(folder: string, script: string, into: (Record<string, string> | undefined)[]): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.json') || !entry.parentPath.split(/[\\/]/).includes(script)) continue;
    const value = readJson(join(entry.parentPath, entry.name))?.value;
    if (isRecord(value)) into.push(textHeaders(value['headers']));
  }
}

type Pair = readonly [string, unknown];

function pairsOf(value: unknown): Pair[] {
  if (typeof value === 'string') return [...new URLSearchParams(value)].toSorted(byName);
  return isRecord(value) ? Object.entries(value).toSorted(byName) : [];
}

function asPairs(value: unknown): Pair[] {
  if (!Array.isArray(value)) return pairsOf(value);
  return value.flatMap((pair): Pair[] => (Array.isArray(pair) ? [[String(pair[0]), pair[1]]] : []));
}

function byName([a]: Pair, [b]: Pair): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isSameSet(one: readonly Pair[], other: readonly Pair[]): boolean {
  const texts = (pairs: readonly Pair[]) => pairs.map(([name, value]) => `${name}=${String(value)}`).toSorted();
  return JSON.stringify(texts(one)) === JSON.stringify(texts(other));
}

function recordIn(path: string): Record<string, unknown> | undefined {
  const value = readJson(path)?.value;
  return isRecord(value) ? value : undefined;
}

/** Throws for a file that is there and is no JSON: a broken recording must not look like none. */
function readJson(path: string): { readonly value: unknown } | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return { value: JSON.parse(readFileSync(path, 'utf8')) as unknown };
  } catch (cause) {
    throw new SyntaxError(`'${path}' is no JSON`, { cause });
  }
}
