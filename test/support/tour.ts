/**
 * A document that is a tour of the command line, played for real: what it types is run, what it writes is written, and
 * the answer is the same document with what was really printed.
 *
 *   ```console      commands behind `$ `, each with its output; a block that begins without one goes on with what a
 *                   command under way prints; `^C` ends it
 *   ```yaml name    a file, written whole
 *   ```diff name    a change of a file: lines with `-` become those with `+`
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunningCli, startCli } from './cli.ts';

type Stage = {
  readonly cwd: string;
  /** What the document calls `cwd`. */
  readonly home: string;
  /** Waits for what a command has begun elsewhere, so that the next one finds it done. */
  readonly settle: (command: string) => Promise<void>;
};
type Player = {
  cwd: string;
  readonly settle: Stage['settle'];
  live: { readonly cli: RunningCli; shown: number } | undefined;
};

/** What is another one each time, and what stands for it in a comparison. */
const VOLATILE = {
  '<id>': '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}',
  '<time>': String.raw`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|\+00:00)`,
  '<took>': String.raw`\b\d+(?:\.\d+)? m?s\b`,
  '<host>': String.raw`http://(?:localhost|127\.0\.0\.1):\d+`,
  '<ts>': String.raw`\d{10}\.\d{6}`,
} as const satisfies Record<string, string>;

/** The text with all that differs from run to run made equal. */
export function masked(text: string): string {
  return Object.entries(VOLATILE).reduce((masking, [as, each]) => masking.replaceAll(new RegExp(each, 'g'), as), text);
}

/**
 * Plays the document.
 * @throws Error naming the command that failed, or that did not come to the last line of its block.
 */
export async function playTour(document: string, stage: Stage): Promise<string> {
  const player: Player = { cwd: stage.cwd, settle: stage.settle, live: undefined };
  const parts = document.split(/^(```[^\n]*\n[\s\S]*?^```\n)/m);
  const played: string[] = [];
  try {
    for (const part of parts) {
      const [, language, name, body = ''] = /^```(\w+) ?(\S*)\n([\s\S]*)```\n$/.exec(part) ?? [];
      if (language === 'console') {
        const real = await playConsole(player, body);
        played.push(`\`\`\`console\n${real.replaceAll(stage.cwd, stage.home)}\`\`\`\n`);
        continue;
      }
      if (name) await changeFile(join(player.cwd, name), language, body);
      played.push(part);
    }
  } finally {
    player.live?.cli.interrupt();
    await player.live?.cli.ended;
  }
  return played.join('');
}

async function playConsole(player: Player, body: string): Promise<string> {
  let real = '';
  for (const piece of body.split(/^(?=\$ )/m)) {
    const [, command, output] = /^(?:\$ ([^\n]*)\n)?([\s\S]*)$/.exec(piece) ?? [];
    if (command !== undefined) real += `$ ${command}\n`;
    const printed = await (command === undefined ? goOn(player, output ?? '') : play(player, command, output ?? ''));
    if (command !== undefined) await player.settle(command);
    real += printed;
  }
  return real;
}

/** Runs a command to its end; one that stays until Ctrl-C, until it has printed what is expected of it. */
async function play(player: Player, command: string, expected: string): Promise<string> {
  const [program, ...argv] = wordsOf(command);
  if (program === 'cd') {
    player.cwd = join(player.cwd, argv[0] ?? '');
    return '';
  }
  if (program !== 'nango') throw new Error(`The tour cannot play '${command}'`);
  const cli = startCli(argv, { cwd: player.cwd, env: {} });
  if (STAYS.test(command) || expected.endsWith('^C\n')) {
    player.live = { cli, shown: 0 };
    return goOn(player, expected);
  }
  const { code } = await cli.ended;
  if (code !== 0) throw new Error(`'${command}' ended with ${code}:\n${cli.shown()}`);
  return cli.shown();
}

/** How long the last line of a block may take to come, on a machine that is busy with other things. */
const LAST_LINE_MS = 40_000;
const STAYS = /^nango dev\b/;

async function goOn(player: Player, expected: string): Promise<string> {
  const { live } = player;
  if (live === undefined) throw new Error(`No command is under way that could print:\n${expected}`);
  const isLast = expected.endsWith('^C\n');
  const last =
    expected
      .replace(/\^C\n$/, '')
      .split('\n')
      .at(-2) ?? '';
  await within(LAST_LINE_MS, live.cli.see(patternOf(last)), () => `No line like '${last}' in:\n${live.cli.shown()}`);
  if (isLast) {
    live.cli.interrupt();
    await live.cli.ended;
    player.live = undefined;
  }
  const printed = live.cli.shown().slice(live.shown);
  live.shown += printed.length;
  return isLast ? `${printed}^C\n` : printed;
}

async function within<T>(ms: number, promise: Promise<T>, failure: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(failure())), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function changeFile(path: string, language: string | undefined, body: string): Promise<void> {
  if (language !== 'diff') return writeFile(path, body);
  const text = await readFile(path, 'utf8');
  const sideOf = (sign: string) =>
    body
      .split('\n')
      .filter((line) => line.startsWith(sign))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  if (!text.includes(sideOf('-'))) throw new Error(`'${path}' has no such lines:\n${sideOf('-')}`);
  await writeFile(
    path,
    text.replace(sideOf('-'), () => sideOf('+')),
  );
}

function patternOf(line: string): RegExp {
  const plain = escaped(masked(line));
  const volatile = Object.entries(VOLATILE).map(([as, each]) => [escaped(as), each] as const);
  return new RegExp(volatile.reduce((pattern, [as, each]) => pattern.replaceAll(as, () => each), plain));
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** The words of a command line; single quotes keep spaces together. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}
