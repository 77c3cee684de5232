import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openMigrated } from '../../platform/database.ts';
import { freePort } from '../../platform/ports.ts';
import { startPostgres } from '../../platform/postgres.ts';
import type { Closing } from '../../runtime/closing.ts';
import { saveConnection } from '../../store/connections.ts';
import type { Database } from '../../store/db.ts';
import { ensureEnvironment } from '../../store/environments.ts';
import { createIntegration } from '../../store/integrations.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { type AuthorizationServer, CLIENT, startAuthorizationServer } from '../upstream/authorization-server.ts';

const PROCESSES = 8;
const CALLERS = 50;
const CONNECTIONS = 50;
/** Its end is counted from before the request, so a busy machine brings the next refresh forward by what the answer took. */
const LIFETIME_S = 10;
const SCRIPT = fileURLToPath(new URL('../upstream/refresh-caller.ts', import.meta.url));

type Counts = { calls: number; failures: string[]; kills: number };

/**
 * Eight processes with fifty callers each share fifty connections whose tokens live for ten seconds, at a server that
 * rotates and takes a token that comes twice for a theft. One in `killEvery` refreshes kills the process that wanted it,
 * just when the server has made the new token. Figures: refreshes beyond one per expiry, tokens that came twice, and
 * calls that failed, all to be 0.
 */
export async function benchRefresh(closing: Closing, { expiries, killEvery, say }: BenchOptions): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-bench-'));
  closing.add('the data folder', () => rm(folder, { recursive: true, force: true }));
  const server = await startAuthorizationServer();
  closing.add('the authorization server', server.close);
  server.lifetime = LIFETIME_S;
  const stage = await openStage(closing, folder, server);
  const counts: Counts = { calls: 0, failures: [], kills: 0 };
  const processes = new Map<number, ChildProcess>();
  const start = (index: number): void => void processes.set(index, startCaller(stage, counts, index));
  for (let index = 0; index < PROCESSES; index += 1) start(index);
  closing.add('the callers', () => stopAll(processes));
  server.reshape = (answer) => {
    if (killEvery > 0 && server.tokenCalls.length % killEvery === 0) killOne(processes, server, counts, start);
    return answer;
  };
  const begun = performance.now();
  for (let told = 0; server.tokenCalls.length < expiries; await delay(100)) {
    if (server.tokenCalls.length - told < 100) continue;
    told = server.tokenCalls.length;
    say(`${told} refreshes, ${counts.failures.length} failed calls, ${counts.kills} processes killed`);
  }
  server.reshape = (answer) => answer;
  const seconds = (performance.now() - begun) / 1_000;
  await stopAll(processes);
  for (const reason of new Set(counts.failures)) say(`failed: ${reason}`);
  return {
    refreshes: server.tokenCalls.length,
    refreshes_too_early: server.tooEarly,
    earliest_refresh_share: server.earliestShare,
    processes: PROCESSES,
    callers: PROCESSES * CALLERS,
    tokens_used_twice: server.reuses,
    calls: counts.calls,
    failed_calls: counts.failures.length,
    processes_killed: counts.kills,
    seconds,
  };
}

type Stage = {
  readonly databaseUrl: string;
  readonly key: string;
  readonly folder: string;
  readonly ids: readonly string[];
  readonly serverUrl: string;
};

async function openStage(closing: Closing, folder: string, server: AuthorizationServer): Promise<Stage> {
  const password = randomBytes(12).toString('hex');
  const postgres = await startPostgres({
    folder: join(folder, 'postgres'),
    port: await freePort(),
    password,
    durable: true,
  });
  closing.add('Postgres', postgres.stop);
  const { db } = await openMigrated(postgres.url, { max: 2, onLost: () => undefined, closing });
  const key = randomBytes(32).toString('base64');
  return { databaseUrl: postgres.url, key, folder, ids: await seed(db, key, server), serverUrl: server.url };
}

async function seed(db: Database, key: string, server: AuthorizationServer): Promise<string[]> {
  const box = createSecretBox(key);
  const at = new Date();
  const { id: environmentId } = await ensureEnvironment(db, 'dev', at);
  const credentials = { client_id: CLIENT.id, client_secret: CLIENT.secret };
  const common = { environmentId, uniqueKey: 'server', provider: 'server', displayName: null, at };
  const { id: integrationId } = await createIntegration(db, {
    ...common,
    sealedCredentials: box.seal(JSON.stringify(credentials)),
  });
  const ids: string[] = [];
  for (let index = 0; index < CONNECTIONS; index += 1) {
    const { id } = await saveConnection(db, {
      ...{ environmentId, integrationId, connectionId: `c${index}`, connectionConfig: {}, metadata: undefined, at },
      sealedCredentials: box.seal(JSON.stringify({ type: 'OAUTH2', ...server.grant() })),
      expiresAt: new Date(at.getTime() + LIFETIME_S * 1_000),
      refreshAt: new Date(at.getTime() + LIFETIME_S * 800),
    });
    ids.push(id);
  }
  return ids;
}

function startCaller({ databaseUrl, key, folder, ids, serverUrl }: Stage, counts: Counts, index: number): ChildProcess {
  // Which process asks is in a header of its token requests, so that the right one can be killed.
  const entry = { auth_mode: 'OAUTH2', token_url: `${serverUrl}/token`, token_headers: { 'x-process': String(index) } };
  const file = join(folder, `providers-${index}.yaml`);
  const written = writeFile(file, JSON.stringify({ server: { ...entry, proxy: { base_url: serverUrl } } }));
  const child = spawn(
    'sh',
    [
      '-c',
      'read _; exec "$@"',
      'sh',
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      SCRIPT,
      databaseUrl,
      key,
      file,
      ids.join(','),
      String(CALLERS),
      '300',
    ],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  void written.then(() => child.stdin.end('\n'));
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('calls: ')) counts.calls += Number(line.slice(7));
    if (line.startsWith('failed: ')) counts.failures.push(line.slice(8));
  });
  return child;
}

/** Kills the process whose token is just being handed out, and starts another in its place. */
function killOne(
  processes: Map<number, ChildProcess>,
  server: AuthorizationServer,
  counts: Counts,
  start: (index: number) => void,
): void {
  const index = Number(server.tokenCalls.at(-1)?.headers['x-process']);
  processes.get(index)?.kill('SIGKILL');
  counts.kills += 1;
  start(index);
}

async function stopAll(processes: Map<number, ChildProcess>): Promise<void> {
  const running = [...processes.values()].filter((child) => child.exitCode === null && child.signalCode === null);
  processes.clear();
  await Promise.all(
    running.map(async (child) => {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }),
  );
}
