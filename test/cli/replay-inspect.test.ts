import { once } from 'node:events';
import { request } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { type RunningCli, startCli, useFolders } from '../support/cli.ts';
import { useRecordedRuns } from '../support/recorded-run.ts';

const api = useApi();
const folders = useFolders();
const record = useRecordedRuns(api);
const sockets: WebSocket[] = [];
const started: RunningCli[] = [];

// Also where a test failed half-way: a script that waits for its debugger waits for ever.
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  for (const cli of started.splice(0)) {
    cli.interrupt();
    await cli.ended;
  }
});

const SOURCE = `export default async function fetchData(nango: any) {
  for (let page = 0; ; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page });
    const owner = data.owner.name;
    await nango.batchSave([{ id: page, owner }], 'Task');
  }
}
`;
const pages = ({ endpoint }: { endpoint: string }) => ({ owner: endpoint === '/pages/2' ? null : { name: 'Ann' } });

async function inspect(integration: string): Promise<{ cli: RunningCli; url: string }> {
  const runId = await record(integration, { source: SOURCE, answer: pages });
  const env = { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY: api.key };
  const cli = startCli(['replay', runId, '--inspect', '0'], { cwd: await folders.create(), env });
  started.push(cli);
  return { cli, url: (await cli.see(/ws:\/\/\S+/)).trim() };
}

type Message = { readonly id?: number; readonly method?: string; readonly params?: never; readonly result?: never };

/** A debugger, as small as one can be. */
async function attach(url: string) {
  const socket = new WebSocket(url);
  sockets.push(socket);
  const seen: Message[] = [];
  let wake = (): void => undefined;
  socket.addEventListener('message', ({ data }) => {
    seen.push(JSON.parse(String(data)));
    wake();
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error(`${url} lets nobody in`)));
  });
  const until = async (matches: (message: Message) => boolean): Promise<Message> => {
    for (;;) {
      const at = seen.findIndex(matches);
      const [found] = at < 0 ? [] : seen.splice(at, 1);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  let last = 0;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at shapes that it then asserts.
  const ask = async (method: string, params: object = {}): Promise<any> => {
    const id = ++last;
    socket.send(JSON.stringify({ id, method, params }));
    return (await until((message) => message.id === id)).result;
  };
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  const event = async (name: string, of: (params: any) => boolean = () => true): Promise<any> =>
    (await until(({ method, params }) => method === name && of(params))).params;
  return { socket, ask, event };
}

test('a debugger attaches, stops at the line of the author and looks at its variables', async () => {
  const { cli, url } = await inspect('looked-at');
  const { ask, event } = await attach(url);
  await ask('Runtime.enable');
  await ask('Debugger.enable');
  const script = await event('Debugger.scriptParsed', (params) => params.url === 'script.js');
  const map = JSON.parse(Buffer.from(script.sourceMapURL.split(',')[1], 'base64').toString());
  expect(map.sourcesContent[map.sources.indexOf('tasks.ts')]).toBe(SOURCE);
  const { scriptSource } = await ask('Debugger.getScriptSource', { scriptId: script.scriptId });
  const lineNumber = scriptSource.split('\n').findIndex((line: string) => line.includes('data.owner.name')) - 1;
  await ask('Debugger.setBreakpointByUrl', { url: 'script.js', lineNumber });
  await ask('Runtime.runIfWaitingForDebugger');
  const first = await event('Debugger.paused');
  expect(first.callFrames[0].location).toMatchObject({ scriptId: script.scriptId, lineNumber: 0 });
  await ask('Debugger.resume');
  for (const page of [0, 1, 2]) {
    const { callFrames } = await event('Debugger.paused');
    expect(callFrames[0]).toMatchObject({ functionName: 'fetchData', location: { lineNumber } });
    const { callFrameId } = callFrames[0];
    const seen = await ask('Debugger.evaluateOnCallFrame', { callFrameId, expression: 'page + " " + Date.now()' });
    expect(seen.result.value).toBe(`${page} ${Date.parse('2026-01-01T00:00:00Z') + 1_000 * (2 * page + 1)}`);
    await ask('Debugger.resume');
  }
  const { code, stdout, stderr } = await cli.ended;
  expect([code, stderr]).toEqual([12, expect.stringContaining("tasks.ts:4:30: Sync 'tasks' failed")]);
  expect(stdout).toContain('The journal ends here: the run failed with the same error.');
});

test('a script whose debugger goes away in the middle runs to its end', async () => {
  const { cli, url } = await inspect('left');
  const { ask, event, socket } = await attach(url);
  await ask('Debugger.enable');
  await ask('Runtime.runIfWaitingForDebugger');
  await event('Debugger.paused');
  socket.close();
  expect((await cli.ended).stderr).toContain("tasks.ts:4:30: Sync 'tasks' failed");
});

test('Ctrl-C ends a script that nobody attaches to, and one that stands at a breakpoint', async () => {
  const { cli: alone } = await inspect('alone');
  alone.interrupt();
  expect((await alone.ended).code).toBe(130);
  const { cli: stopped, url } = await inspect('stopped');
  const { ask, event } = await attach(url);
  await ask('Debugger.enable');
  await ask('Runtime.runIfWaitingForDebugger');
  await event('Debugger.paused');
  stopped.interrupt();
  expect((await stopped.ended).code).toBe(130);
});

test('debuggers find the script, and web pages do not', async () => {
  const { url } = await inspect('found');
  const list = new URL('/json/list', url.replace('ws:', 'http:'));
  const ask = async (host: string): Promise<string> => {
    const [response] = await once(request(list, { headers: { host } }).end(), 'response');
    return Buffer.concat(await response.toArray()).toString();
  };
  expect(JSON.parse(await ask(list.host))).toMatchObject([{ type: 'node', webSocketDebuggerUrl: url }]);
  expect(await ask(`evil.example:${list.port}`)).toBe('{}');
  await expect(attach(new URL('/other', url).href)).rejects.toThrow('lets nobody in');
});

test('a port that is none, and one in use, is named', async () => {
  const { url } = await inspect('ports');
  const { port } = new URL(url);
  const replay = async (value: string) => {
    const runId = await record(`port-${value}`, { source: SOURCE, answer: pages });
    const env = { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY: api.key };
    return (await startCli(['replay', runId, '--inspect', value], { cwd: await folders.create(), env }).ended).stderr;
  };
  expect(await replay('x')).toContain("--inspect 'x': expected a port");
  expect(await replay(port)).toContain(`Port ${port} is in use: name another one, or 0 for any: --inspect 0.`);
});
