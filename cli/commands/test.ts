import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { EngineError } from '../../contract/failures.ts';
import { type Catalogue, loadProviders } from '../../outbound/catalogue.ts';
import { createSandbox } from '../../sandbox/pool.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { count, type Output, oneLine } from '../output.ts';
import { type Collected, collectTest, createBundler, findRecordings, readOverrides } from '../recorded/collect.ts';
import { runRecorded, type Verdict } from '../recorded/run.ts';

type Flags = {
  readonly json?: boolean;
  readonly clock?: string;
  readonly overrides?: string;
  readonly chaos?: string;
  readonly inject?: string;
};
type Result = Verdict & { readonly integration: string; readonly script: string; readonly form: Collected['form'] };
type Settings = { readonly inject: readonly number[]; readonly seed: number | undefined };

export const define: CommandModule['define'] = (command, context) => {
  command
    .argument('[path]', 'only the scripts of this file, folder, integration or name')
    .option('--json', 'print one line of JSON a script')
    .option('--clock <which>', "'recorded': scripts see the time of their recording; 'now' otherwise", 'now')
    .option('--overrides <file>', 'what recordings lack, as JSON by integration/syncs|actions/script')
    .option('--chaos <seed>', 'kill each script at a random call and go on from its journal; verdicts must not change')
    .option('--inject <statuses>', 'answer calls that ask for retries with these first, such as 429,503');
  withExample(command, 'nango test', 'nango test github --chaos 7').action((path: string | undefined, flags: Flags) =>
    testAll(context, path, flags),
  );
};

async function testAll(context: CommandContext, path: string | undefined, flags: Flags): Promise<void> {
  const { out, io } = context;
  const project = context.project();
  const settings = { inject: statusesOf(flags.inject), seed: seedOf(flags.chaos) };
  if (flags.clock !== 'recorded' && flags.clock !== 'now')
    throw new EngineError('invalid_body', `Clock '${flags.clock}' of --clock: expected 'recorded' or 'now'.`);
  const overrides = flags.overrides === undefined ? {} : await readOverrides(resolve(io.cwd, flags.overrides));
  let loaded: Catalogue | undefined;
  const catalogue = () => (loaded ??= loadProviders({ file: context.settings().variables['NANGO_PROVIDERS_FILE'] }));
  const begun = performance.now();
  const options = { overrides, catalogue, recordedClock: flags.clock === 'recorded' };
  const results: Result[] = [];
  // The sandbox starts while the recordings are read.
  const lanes = openLanes(settings.seed === undefined);
  try {
    const [found, bundler] = await Promise.all([findRecordings(project, path, io.cwd), createBundler(project)]);
    await out.during(`Running ${count(found.length, 'script')}`, (say) =>
      lanes.run(found, async (sandbox, one) => {
        const collected = await collectTest(bundler, one, options);
        const result = { ...(await verdictOf(sandbox, collected, settings)), ...namesOf(collected) };
        results.push(result);
        if (flags.json) out.line(JSON.stringify(result));
        else printResult(out, result);
        say(`Ran ${results.length} of ${count(found.length, 'script')}`);
      }),
    );
  } finally {
    await lanes.close();
  }
  const failed = results.filter(({ verdict }) => verdict !== 'pass');
  const seconds = (performance.now() - begun) / 1_000;
  const summary = `${results.length - failed.length} passed, ${failed.length} failed in ${seconds.toFixed(1)} s`;
  if (!flags.json)
    out.line(results.length === 0 ? "No script has a recording: 'nango dryrun … --save' makes one." : summary);
  if (failed.length > 0)
    throw new EngineError('script_failed', `${count(failed.length, 'script')} did not do what was recorded.`);
}

function namesOf({ declared, form }: Collected) {
  return { integration: declared.integration, script: declared.name, form };
}

async function verdictOf(sandbox: Sandbox, { test }: Collected, { inject, seed }: Settings): Promise<Verdict> {
  if ('reason' in test) return { ...NOT_RUN, reason: test.reason };
  if (seed === undefined) return runRecorded(sandbox, test, { inject });
  // Once undisturbed, to know how many calls there are to be killed at.
  const plain = await runRecorded(sandbox, test, { inject });
  const killAt = 1 + (hashOf(`${seed}:${test.integration}:${test.script}`) % Math.max(1, plain.calls));
  const disturbed = await runRecorded(sandbox, test, { inject, killAt });
  const isSame =
    JSON.stringify([plain.verdict, plain.saved, plain.deleted, plain.output]) ===
    JSON.stringify([disturbed.verdict, disturbed.saved, disturbed.deleted, disturbed.output]);
  if (isSame) return disturbed;
  const reason = `killed at call ${killAt} (seed ${seed}) it ended otherwise than undisturbed: ${disturbed.reason ?? disturbed.diff.join('; ')}`;
  return { ...disturbed, verdict: 'fail', reason };
}

const NOT_RUN: Verdict = {
  verdict: 'error',
  reason: null,
  diff: [],
  calls: 0,
  ms: 0,
  saved: {},
  deleted: {},
  output: null,
};

/** One computes while others wait for their answers. */
const RUNS_PER_CHILD = 4;

type Sandbox = ReturnType<typeof createSandbox>;

/** One sandbox for all; or, when scripts are killed, one for each of a few workers, so that nobody else is hit. */
function openLanes(shared: boolean) {
  const children = availableParallelism();
  const lanes = shared ? RUNS_PER_CHILD * children : children;
  // A child takes no more than its share: otherwise the first one would take all, and the others never start.
  const common = shared
    ? createSandbox({ maxChildren: children, runsPerChild: RUNS_PER_CHILD, sparesWhenFull: false })
    : undefined;
  return {
    run: async <Item>(items: readonly Item[], work: (sandbox: Sandbox, item: Item) => Promise<void>): Promise<void> => {
      const queue = [...items];
      const lane = async (): Promise<void> => {
        if (queue.length === 0) return;
        const sandbox = common ?? createSandbox({ maxChildren: 1, runsPerChild: 1 });
        try {
          for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(sandbox, item);
        } finally {
          if (common === undefined) await sandbox.close();
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
    },
    close: async (): Promise<void> => common?.close(),
  };
}

function printResult(out: Output, { integration, script, verdict, reason, diff, ms }: Result): void {
  const name = `${integration}/${script}`;
  if (verdict === 'pass') return out.line(`${out.style('green', 'pass')} ${oneLine(name)} (${ms} ms)`);
  out.line(`${out.style('red', verdict)} ${oneLine(name)}${reason === null ? '' : `: ${oneLine(reason, 2_000)}`}`);
  for (const line of diff) out.line(`    ${oneLine(line, 400)}`);
}

function statusesOf(text: string | undefined): number[] {
  if (text === undefined) return [];
  const statuses = text.split(',').map((part) => Number(part.trim()));
  if (statuses.every((status) => status >= 400 && status < 600)) return statuses;
  throw new EngineError(
    'invalid_body',
    `Statuses '${text}' of --inject: expected numbers from 400 to 599, such as 429,503.`,
  );
}

function seedOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new EngineError('invalid_body', `Seed '${text}' of --chaos: expected a whole number.`);
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}
