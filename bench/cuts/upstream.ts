/** The upstream of the sync whose connections are cut; `GET /__posts` answers the POSTs so far, and forgets them. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerOf } from './story.ts';

let posts: string[] = [];
const server = http.createServer((request, response) => {
  const url = request.url ?? '/';
  if (request.method === 'POST') posts.push(url);
  const body = url === '/__posts' ? posts : answerOf(url);
  if (url === '/__posts') posts = [];
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
