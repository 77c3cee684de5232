/** Whether all is true in the end: the upstream's own truth beside what is stored, told to readers and counted. */
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Caller } from '../../platform/example.ts';
import type { Database } from '../../store/db.ts';
import type { Figures } from '../bench.ts';
import { type Reader, startReader } from './reader.ts';
import type { Truth } from './truth.ts';

/** What is judged: the connections of one integration with one sync. */
export type Judged = {
  readonly caller: Caller;
  readonly db: Database;
  readonly integration: string;
  readonly connections: readonly string[];
};

const CALM_WITHIN_MS = 240_000;

export async function nowOf(db: Database): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>('select now() as now');
  return rows[0]?.now ?? new Date();
}

/** Connections whose sync has not run by its schedule, from begin to end, after that moment. */
export async function deadAfter({ db, connections }: Judged, since: Date): Promise<readonly string[]> {
  const text = `select distinct c.connection_id as name from runs r join connections c on c.id = r.connection_id
    where r.state = 'success' and r.started_by = 'schedule' and r.created_at > $1::timestamptz`;
  for (const deadline = performance.now() + CALM_WITHIN_MS; ; await delay(1000)) {
    const { rows } = await db.query<{ name: string }>(text, [since]);
    const dead = connections.filter((name) => !rows.some((row) => row.name === name));
    if (dead.length === 0 || performance.now() > deadline) return dead;
  }
}

/** How the runs ended. */
export async function ended(db: Database): Promise<Figures> {
  const text = `select count(*)::int as runs,
      (count(*) filter (where state = 'success'))::int as succeeded,
      (count(*) filter (where state in ('queued', 'running', 'waiting')))::int as under_way,
      (count(*) filter (where state in ('skipped', 'cancelled')))::int as skipped,
      (count(*) filter (where state = 'failed' and error ->> 'code' = 'call_in_doubt'))::int as failed_in_doubt,
      (count(*) filter (where state = 'failed' and error ->> 'code' <> 'call_in_doubt'))::int as failed_otherwise
    from runs`;
  const { rows } = await db.query<Record<string, number>>(text);
  return rows[0] ?? {};
}

/** The upstream's own truth beside what is stored, beside what a reader of changes believes, beside what runs counted. */
export async function compared(
  { caller, db, integration, connections }: Judged,
  truth: Truth,
  readers: readonly Reader[],
  say: (line: string) => void,
): Promise<Figures> {
  const counted = await countedBy(db);
  let [records, lost, extra, stale, readersWrong, miscounted] = [0, 0, 0, 0, 0, 0];
  for (const [at, connection] of connections.entries()) {
    const expected = truth.itemsOf(connection);
    // A reader from the very beginning: what is stored.
    const fresh = startReader(() => caller, integration, connection);
    await fresh.finish();
    const stored = new Map(fresh.believes().map(({ id, version }) => [id, version]));
    records += stored.size;
    lost += expected.filter(({ id }) => !stored.has(id)).length;
    stale += expected.filter(({ id, version }) => stored.has(id) && stored.get(id) !== version).length;
    extra += stored.size - expected.filter(({ id }) => stored.has(id)).length;
    if (!isDeepStrictEqual(readers[at]?.believes(), fresh.believes())) readersWrong += 1;
    if (counted.get(connection) === stored.size) continue;
    miscounted += 1;
    say(`${connection}: the runs counted ${counted.get(connection)} records, ${stored.size} are there`);
  }
  return { records, lost, extra, stale, readers_wrong: readersWrong, miscounted };
}

async function countedBy(db: Database): Promise<ReadonlyMap<string, number>> {
  const text = `select c.connection_id as name, sum(n.added - n.deleted)::int as live
    from run_counts n join runs r on r.id = n.run_id join connections c on c.id = r.connection_id group by 1`;
  const { rows } = await db.query<{ name: string; live: number }>(text);
  return new Map(rows.map(({ name, live }) => [name, live]));
}

/** Of POSTs to `/posts/often-…`, which may be repeated where they are in doubt, and of others, which may not. */
export function postsOf({ posts }: Truth): Figures {
  const repeated = [...posts].filter(([, times]) => times > 1);
  return {
    posts: posts.size,
    posts_repeated_in_doubt: repeated.filter(([path]) => path.startsWith('/posts/often-')).length,
    posts_doubled: repeated.filter(([path]) => !path.startsWith('/posts/often-')).length,
  };
}

/** The text of the providers' file. */
export function truthProviders(url: string): string {
  const proxy = { base_url: url, headers: { authorization: `Bearer \${apiKey}` } };
  return JSON.stringify({ truth: { display_name: 'Truth', categories: ['chaos'], auth_mode: 'API_KEY', proxy } });
}
