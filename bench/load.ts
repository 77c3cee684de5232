import http from 'node:http';

export type Request = {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};
export type Load = { readonly perS: number; readonly p50Ms: number; readonly p99Ms: number; readonly count: number };

/**
 * Repeats one request with `clients` callers, each on its own connection, for `seconds` or until `requests` are done,
 * after `warmUp` requests that are not counted. Throws at the first answer that is no success: a fast failure is no result.
 */
export async function load(
  request: Request,
  options: { readonly clients: number; readonly seconds: number; readonly requests?: number; readonly warmUp: number },
): Promise<Load> {
  const { clients, seconds, requests = Number.POSITIVE_INFINITY, warmUp } = options;
  const agents = Array.from({ length: clients }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
  let warmed = 0;
  const warm = async (agent: http.Agent): Promise<void> => {
    while (warmed < warmUp) {
      warmed += 1;
      await once(agent, request);
    }
  };
  const times: number[] = [];
  let issued = 0;
  try {
    await Promise.all(agents.map(warm));
    const begun = performance.now();
    const work = async (agent: http.Agent): Promise<void> => {
      while (issued < requests && performance.now() - begun < seconds * 1000) {
        issued += 1;
        times.push(await once(agent, request));
      }
    };
    await Promise.all(agents.map(work));
    return summary(times, performance.now() - begun);
  } finally {
    for (const agent of agents) agent.destroy();
  }
}

/** Rate and percentiles of the given times. */
export function summary(times: readonly number[], elapsedMs: number): Load {
  const sorted = times.toSorted((a, b) => a - b);
  const percentile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return {
    perS: (times.length / elapsedMs) * 1000,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
    count: times.length,
  };
}

/** The middle one of an odd number of values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function once(agent: http.Agent, { url, method = 'GET', headers = {}, body }: Request): Promise<number> {
  const { hostname, port, pathname, search } = new URL(url);
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const sent = http.request(
      { agent, host: hostname, port, path: pathname + search, method, headers: { ...headers, ...length } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const ms = performance.now() - begun;
          if (response.statusCode === 200) return resolve(ms);
          const text = Buffer.concat(chunks).toString('utf8').slice(0, 500);
          return reject(new Error(`${method} ${pathname} answered ${response.statusCode}: ${text}`));
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
