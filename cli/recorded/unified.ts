/** The unified form: `<integration>/tests/<script>.test.json`, one file a script. */
import { dataOf, hashOf, headersOf, identityOf, type MockCall, type Pair } from './identity.ts';
import { earliestDate, isRecord, type RecordedAnswer, type Recording, textHeaders } from './recording.ts';

type Entry = RecordedAnswer & { readonly hash: string | undefined; readonly request: RecordedRequest | undefined };
type RecordedRequest = {
  readonly params: readonly Pair[];
  readonly headers: readonly Pair[];
  /** Undefined where none was recorded: then any will do. */
  readonly data: string | undefined;
};

/** Reads the text of a file. Throws `SyntaxError` for text that is no JSON object. */
export function readUnified(file: string, text: string): Recording {
  const parsed: unknown = JSON.parse(text);
  if (!isRecord(parsed)) throw new SyntaxError(`'${file}' is no JSON object`);
  const nango = isRecord(parsed['nango']) ? parsed['nango'] : {};
  const api = isRecord(parsed['api']) ? parsed['api'] : {};
  const entries = new Map<string, readonly Entry[]>();
  for (const [method, endpoints] of Object.entries(api)) {
    if (!isRecord(endpoints)) continue;
    for (const [endpoint, recorded] of Object.entries(endpoints)) {
      const list = Array.isArray(recorded) ? recorded : [recorded];
      entries.set(`${method.toLowerCase()} ${endpoint}`, list.map(entryOf));
    }
  }
  return {
    form: 'unified',
    file,
    input: parsed['input'],
    output: 'output' in parsed ? { value: parsed['output'] } : undefined,
    saved: modelsOf(nango['batchSave']),
    deleted: modelsOf(nango['batchDelete']),
    connection: isRecord(nango['getConnection']) ? nango['getConnection'] : undefined,
    metadata: nango['getMetadata'],
    paginate: isRecord(nango['paginate']) ? nango['paginate'] : undefined,
    answer: (call) => answerOf(entries, call),
    recordedAt: () => earliestDate([...entries.values()].flat().map(({ headers }) => headers)),
  };
}

function answerOf(entries: ReadonlyMap<string, readonly Entry[]>, call: MockCall): RecordedAnswer | undefined {
  const identity = identityOf(call);
  const { method, endpoint, params, headers, data } = identity;
  const spellings = [endpoint, `/${endpoint}`, decoded(endpoint), `/${decoded(endpoint)}`, call.endpoint];
  const list = spellings.map((spelling) => entries.get(`${method} ${spelling}`)).find((found) => found !== undefined);
  if (list === undefined) return undefined;
  const hash = hashOf(identity);
  return list.find((entry) => {
    if (entry.hash === hash) return true;
    if (entry.request === undefined) return entry.hash === undefined && list.length === 1 && params.length === 0;
    const { request } = entry;
    return (
      isEqual(request.params, params) &&
      isEqual(request.headers, headers) &&
      (request.data === undefined || request.data === data)
    );
  });
}

function entryOf(value: unknown): Entry {
  const entry = isRecord(value) ? value : {};
  const request = isRecord(entry['request']) ? entry['request'] : undefined;
  return {
    status: typeof entry['status'] === 'number' ? entry['status'] : 200,
    headers: textHeaders(entry['headers']),
    response: entry['response'],
    hash: typeof entry['hash'] === 'string' ? entry['hash'] : undefined,
    request:
      request === undefined
        ? undefined
        : {
            params: identityOf({ endpoint: '', params: request['params'] }).params,
            headers: headersOf(request['headers']),
            data: dataOf(request['data']),
          },
  };
}

function isEqual(one: readonly Pair[], other: readonly Pair[]): boolean {
  return (
    one.length === other.length &&
    one.every(([name, value], index) => {
      const [otherName, otherValue] = other[index] ?? [];
      return name === otherName && value === otherValue;
    })
  );
}

function modelsOf(value: unknown): Record<string, readonly unknown[]> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([model, rows]) => [model, Array.isArray(rows) ? rows : []]));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
