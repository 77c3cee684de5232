#!/usr/bin/env node
// The launcher of the CLI, for a clone and for the published package alike. Plain JavaScript that Node 20 parses: it
// finds a Node that can run the CLI. This one does wherever it is new enough: a second start would cost more than --help,
// and `--no-node-snapshot`, which isolated-vm needs, is for the sandbox's own processes.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const REQUIRED_MAJOR = 24;

const launcher = fileURLToPath(import.meta.url);
const root = dirname(dirname(launcher));

if (Number.parseInt(process.versions.node, 10) < REQUIRED_MAJOR) {
  const { default: packaged } = await import('./require-node.cjs');
  const node = packaged.nodesAbove(root, REQUIRED_MAJOR).map(binaryOf).find(existsSync);
  if (node === undefined) refuse();
  else startAgain(node);
} else {
  await run();
}

function binaryOf(nodePackage) {
  return join(nodePackage, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

function refuse() {
  process.stderr.write(
    `nango needs Node ${REQUIRED_MAJOR} or later and this is Node ${process.versions.node}: ` +
      `install it from https://nodejs.org, or beside the package with 'npm install node@${REQUIRED_MAJOR}'.\n`,
  );
  process.exitCode = 1;
}

function startAgain(node) {
  const args = [node, ...process.execArgv, launcher, ...process.argv.slice(2)];
  // Taking this process over leaves nothing in between; Node 20 and Windows cannot.
  if (process.platform !== 'win32' && typeof process.execve === 'function') process.execve(node, args);
  const child = spawn(node, args.slice(1), { stdio: 'inherit' });
  // A terminal's Ctrl-C reaches the child by itself: passed on as well, it would count as the second one.
  const fromTerminal = process.stdin.isTTY === true;
  process.on('SIGINT', () => fromTerminal || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`Node at '${node}' does not start: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

async function run() {
  // Keeps what is compiled for the next call, stripped types included. Where it cannot, it says so in its result.
  module.enableCompileCache();
  const source = join(root, 'cli', 'main.ts');
  const entry = existsSync(source) ? source : join(root, 'dist', 'cli', 'main.js');
  const { main } = await import(pathToFileURL(entry).href);
  // `nango logs | head` closes our output: that is no failure.
  process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  process.exitCode = await main(process.argv.slice(2), {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    isTty: process.stdin.isTTY === true && process.stdout.isTTY === true,
    isErrorTty: process.stderr.isTTY === true,
    signal: interruption(),
  });
}

/** Aborted by the first Ctrl-C or SIGTERM, so that the command ends in order; the second one ends the process. */
function interruption() {
  const controller = new AbortController();
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ]) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(code);
      controller.abort();
    });
  }
  return controller.signal;
}
