import { expect, test } from '@jest/globals';
import type { DebuggerLine } from '../../contract/script.ts';
import { action, useSandbox } from './use-sandbox.ts';

const { run } = useSandbox();
const GO = '{"id":7,"method":"Runtime.runIfWaitingForDebugger"}';

test('a debugged script begins when the debugger says so, and computes for as long as it likes', async () => {
  const said: string[] = [];
  const line: DebuggerLine = { connect: (send) => send(GO), receive: (message) => said.push(message) };
  const busy = action('let n = 0; while (n < 1_500_000_000) n += 1; return n;');
  const { outcome } = await run(busy, { debugger: line, limits: { cpuMs: 50 } });
  expect(outcome).toMatchObject({ status: 'completed', output: '1500000000' });
  expect(said.map((message) => JSON.parse(message).id)).toEqual([7]);
});

test('a script that its debugger has not let begin makes no call, and can be cancelled', async () => {
  const controller = new AbortController();
  const line: DebuggerLine = {
    connect: (send) => send('{"id":7,"method":"Debugger.enable"}'),
    // The last of what the debugger is told of: the script is compiled.
    receive: (message) => message.includes('script.js') && setTimeout(() => controller.abort(), 200),
  };
  const { outcome, calls } = await run(action(`await nango.log('begun');`), {
    debugger: line,
    signal: controller.signal,
  });
  expect([outcome.status, calls]).toEqual(['failed', []]);
});

test('no answer of a debugger is missed, however soon it comes', async () => {
  let stops = 0;
  let send: (message: string) => void = () => undefined;
  const line: DebuggerLine = {
    connect: (to) => {
      send = to;
      send('{"id":6,"method":"Debugger.enable"}');
      send(GO);
    },
    receive: (message) => {
      if (!message.includes('"Debugger.paused"')) return;
      stops += 1;
      send(JSON.stringify({ id: 10 + stops, method: 'Debugger.resume' }));
    },
  };
  const { outcome } = await run(action(`for (let at = 0; at < 500; at++) { debugger; }`), {
    debugger: line,
  });
  expect([outcome.status, stops]).toEqual(['completed', 500]);
});
