/** The engine as a commit has it, beside the engine as it is here: its processes on the same servers. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Closing } from '../../runtime/closing.ts';
import { type RunningProcess, startScript } from '../process.ts';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('../..', import.meta.url));

/** Sources with packages beside them. */
export type Sources = { readonly name: string; readonly project: string };

export const THIS_CODE: Sources = { name: 'new', project: HERE };

/** The sources of a commit in `folder`, on the packages that are installed here. */
export async function sourcesOf(commit: string, folder: string, say: (line: string) => void): Promise<Sources> {
  const { stdout } = await run('git', ['rev-parse', '--short', `${commit}^{commit}`], { cwd: HERE });
  const project = join(folder, 'old');
  await mkdir(project);
  await run('sh', ['-c', 'git archive "$0" | tar -x -C "$1"', stdout.trim(), project], { cwd: HERE });
  await symlink(join(HERE, 'node_modules'), join(project, 'node_modules'));
  const locks = await Promise.all([HERE, project].map((at) => readFile(join(at, 'package-lock.json'), 'utf8')));
  const packages = locks[0] === locks[1] ? '' : '; its packages were others, it runs on those of this code';
  say(`old: commit ${stdout.trim()}${packages}`);
  return { name: 'old', project };
}

/** Brings the schema to what these sources want. Answers what the command printed. */
export async function migrate(
  { project }: Sources,
  closing: Closing,
  settings: Readonly<Record<string, string>>,
): Promise<string> {
  const lines: string[] = [];
  const ready = /^Applied: |^The schema is up to date/;
  const onLine = (line: string): void => void lines.push(line);
  const { exited } = await startScript('platform/migrate.ts', { closing, ready, project, settings, onLine });
  await exited;
  return lines.join('\n');
}

export type Release = {
  readonly name: string;
  readonly apiUrl: string;
  /** The runs whose script it has begun, from the first line or from where another left it. */
  readonly began: ReadonlySet<string>;
  /** Stops API and worker as a supervisor does, and answers how many of them ended badly or before they were told. */
  readonly stop: () => Promise<number>;
};

/** One API process and one worker of these sources. */
export async function startRelease(
  { name, project }: Sources,
  closing: Closing,
  settings: Readonly<Record<string, string>>,
  say: (line: string) => void,
): Promise<Release> {
  const began = new Set<string>();
  const onLine = (line: string): void => {
    const { event, run: id } = line.startsWith('{') ? JSON.parse(line) : {};
    if (event === 'run.started') began.add(id);
    if (/"level":"error"|^Error|unhandled/i.test(line)) say(`${name}: ${line.slice(0, 500)}`);
  };
  const given = { closing, project, settings, onLine };
  const [api, worker] = await Promise.all([
    startScript('platform/api.ts', { ...given, ready: /"api\.ready"/ }),
    startScript('platform/worker.ts', { ...given, ready: /"worker\.ready"/ }),
  ]);
  let unasked = 0;
  let isTold = false;
  for (const { exited } of [api, worker]) {
    void exited.then(() => {
      if (!isTold) unasked += 1;
    });
  }
  return {
    name,
    apiUrl: `http://127.0.0.1:${settings['SERVER_PORT']}`,
    began,
    stop: async () => {
      isTold = true;
      const ends = await Promise.all([api, worker].map(stopped));
      return unasked + ends.filter((code) => code !== 0).length;
    },
  };
}

async function stopped({ stop, exited }: RunningProcess): Promise<unknown> {
  await stop();
  const [code] = (await exited) as [number | null];
  return code;
}
