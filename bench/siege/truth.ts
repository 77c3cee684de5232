/**
 * Somebody else's API that changes all the time and knows for certain what is true. A connection's API key is its name.
 *
 *   GET  /items?page=<n>   → { rows, pages }: its items in the order of their ids, 10 a page
 *   POST /posts/<id>       → { made }; counted by id
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Closing } from '../../runtime/closing.ts';
import { createRandom } from '../chaos/random.ts';

export type Item = { readonly id: string; readonly version: number };

export type Truth = {
  readonly port: number;
  readonly itemsOf: (connection: string) => readonly Item[];
  /** How often each POST was made, by its path. */
  readonly posts: ReadonlyMap<string, number>;
  /** Changes, adds and removes a few items of each connection. */
  readonly change: () => void;
};

const ITEMS = 60;
const PER_PAGE = 10;
const ANSWER_MS = 40;

export async function startTruth(closing: Closing, connections: readonly string[], seed: number): Promise<Truth> {
  const random = createRandom(seed);
  const items = new Map(connections.map((name) => [name, new Map<string, number>()]));
  const posts = new Map<string, number>();
  let last = 0;
  const add = (of: Map<string, number>): void => {
    last += 1;
    of.set(`item-${String(last).padStart(8, '0')}`, 1);
  };
  for (const of of items.values()) for (let item = 0; item < ITEMS; item += 1) add(of);
  const itemsOf = (connection: string): readonly Item[] =>
    [...(items.get(connection) ?? [])].map(([id, version]) => ({ id, version })).sort((a, b) => (a.id < b.id ? -1 : 1));
  const change = (): void => {
    for (const of of items.values()) {
      const ids = [...of.keys()];
      const [changed, removed] = [ids[random.int(ids.length)], ids[random.int(ids.length)]];
      if (changed !== undefined) of.set(changed, (of.get(changed) ?? 0) + 1);
      if (removed !== undefined && ids.length > ITEMS / 2 && random.chance(0.5)) of.delete(removed);
      if (ids.length < ITEMS * 2 && random.chance(0.5)) add(of);
    }
  };
  const server = http.createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://truth');
    const connection = (request.headers.authorization ?? '').replace('Bearer ', '');
    request.resume();
    if (request.method === 'POST') posts.set(pathname, (posts.get(pathname) ?? 0) + 1);
    await delay(ANSWER_MS);
    const all = itemsOf(connection);
    const from = Number(searchParams.get('page') ?? 0) * PER_PAGE;
    const pages = Math.ceil(all.length / PER_PAGE);
    const body = request.method === 'POST' ? { made: pathname } : { rows: all.slice(from, from + PER_PAGE), pages };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  server.listen(0);
  await once(server, 'listening');
  closing.add('the upstream', () => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, itemsOf, posts, change };
}
