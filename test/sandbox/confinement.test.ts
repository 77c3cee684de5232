/** What a script that broke out of its isolate would find: the runner process, looked at from outside. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { action, useSandbox } from './use-sandbox.ts';

const { run } = useSandbox();

/** A file of /proc of the runner, read while a script runs in it. */
async function whileRunning<T>(look: (pid: number) => T): Promise<T> {
  const seen: T[] = [];
  const request = async () => {
    seen.push(look(runnerPid()));
    return { value: { status: 200, statusText: 'OK', headers: {} }, body: '{}' };
  };
  await run(action(`await nango.get({ endpoint: '/x' });`), { host: { request } });
  const [first] = seen;
  if (first === undefined) throw new Error('The script asked for nothing');
  return first;
}

function runnerPid(): number {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'latin1').trim().split(' ');
  const found = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('runner/main'));
  return Number(found);
}

const file = (name: string) => whileRunning((pid) => readFileSync(`/proc/${pid}/${name}`, 'latin1'));

test('its environment holds a time zone and a locale, and nothing of ours', async () => {
  const names = (await file('environ')).split('\0').map((entry) => entry.split('=')[0]);
  expect(names.filter((name) => !['', 'TZ', 'LANG', 'LC_ALL'].includes(name ?? ''))).toEqual([]);
});

test('it runs under the permission model, which allows it to read its own code and to load the isolate only', async () => {
  const options = (await file('cmdline')).split('\0').filter((part) => part.startsWith('--'));
  expect(options).toContain('--permission');
  expect(
    options.filter((option) => /^--allow-(fs-write|child-process|worker|wasi|net|inspector)/.test(option)),
  ).toEqual([]);
  const readable = options.flatMap((option) => /^--allow-fs-read=(.*)$/.exec(option)?.[1] ?? []);
  expect(readable.length).toBeGreaterThan(1);
  const own = /\/(sandbox|isolated-vm|node-gyp-build)(\/\*)?$|^\/etc\/alpine-release$/;
  expect(readable.filter((path) => !own.test(path))).toEqual([]);
});

test('it may dump no core, write no file and open few descriptors', async () => {
  const limits = await file('limits');
  expect(limits).toMatch(/^Max core file size\s+0\s+0/m);
  expect(limits).toMatch(/^Max file size\s+0\s+0/m);
  expect(limits).toMatch(/^Max open files\s+256\s+256/m);
});

test('it is nobody where the worker is root, and has no capability left', async () => {
  const status = await file('status');
  const ours = String(process.getuid?.() === 0 ? 65_534 : process.getuid?.());
  expect(/^Uid:\s+(.*)$/m.exec(status)?.[1]?.split('\t')).toEqual([ours, ours, ours, ours]);
  if (process.getuid?.() !== 0) return;
  expect(status).toMatch(/^Groups:\s*$/m);
  expect(status).toMatch(/^CapEff:\s+0+$/m);
});

test('it holds no socket but the pipe to its worker', async () => {
  const listening = await whileRunning(socketsOf);
  expect(listening).toEqual([]);
});

/** Inodes of TCP sockets among the process's descriptors. */
function socketsOf(pid: number): string[] {
  const tcp = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'latin1').split('\n').slice(1),
  );
  const inodes = new Set(tcp.map((line) => line.trim().split(/\s+/)[9]));
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return links.filter((link) => link.startsWith('socket:') && inodes.has(link.slice('socket:['.length, -1)));
}
