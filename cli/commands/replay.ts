import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Option } from 'commander';
import { EngineError } from '../../contract/failures.ts';
import type { JournalHead } from '../../contract/journal-document.ts';
import { pathPart } from '../client.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import type { CompiledScript } from '../build.ts';
import { compileProject } from '../compile.ts';
import type { DeclaredScript } from '../declared.ts';
import { modelsByName, outputText, printModels } from '../dry-output.ts';
import { type DebugServer, debuggable, openDebugServer } from '../debug-server.ts';
import { type RecordedRun, readRecordedRun } from '../journal-file.ts';
import { oneLine } from '../output.ts';
import { installedPackage } from '../package.ts';
import { type ReplayedCall, type ReplayedLine, type ReplayEnd, type ReplayResult, runReplay } from '../replay.ts';
import { errorText } from '../runs.ts';
import { scriptFailure } from '../script-failure.ts';

export const failureExitCode = 12;

type Flags = {
  readonly environment: string;
  readonly code: 'deployed' | 'local';
  readonly saveJournal?: string;
  readonly inspect?: string | true;
  readonly json?: boolean;
};

export const define: CommandModule['define'] = (command, context) => {
  command
    .argument('<run>', 'the id of a run that has ended, or a file that --save-journal wrote')
    .addOption(
      new Option('--code <which>', 'the script as it was deployed, or as it is in this folder now')
        .choices(['deployed', 'local'])
        .default('deployed'),
    )
    .option('--inspect [port]', 'wait for a debugger (Chrome DevTools, VS Code) at this port, 9229 when none is named')
    .option('--save-journal <file>', 'keep the journal, to replay it without the server');
  withExample(
    withJson(withEnvironment(command)),
    'nango replay 0193f6c2-5c1e-7d5b-9a1f-3f0a5e0c1d2b',
    'nango replay 0193f6c2-5c1e-7d5b-9a1f-3f0a5e0c1d2b --code local',
  ).action((run: string, flags: Flags) => replay(context, run, flags));
};

async function replay(context: CommandContext, run: string, flags: Flags): Promise<void> {
  const { out, io } = context;
  const port = flags.inspect === undefined ? undefined : portOf(flags.inspect);
  const recorded = await fetchRecorded(context, run, flags);
  const { head } = recorded;
  const isLocal = flags.code === 'local';
  const local = isLocal ? await compileLocal(context, head) : undefined;
  const { version } = installedPackage();
  if (head.engine !== version) {
    out.note(`The journal is of version ${head.engine}, this is ${version}: a script may notice the difference.`);
  }
  if (!flags.json) out.line(out.style('bold', headline(head, isLocal)));
  const calls: ReplayedCall[] = [];
  const logs: ReplayedLine[] = [];
  const code = local?.bundle ?? head.bundle;
  const server = port === undefined ? undefined : await openDebugServer(port, head.run.name);
  if (server !== undefined) noteServer(context, server);
  const result = await runReplay({
    recorded: local === undefined ? recorded : { ...recorded, head: withModels(head, local) },
    code: server === undefined ? code : debuggable(code, context.foundProject()?.folder),
    isLocal,
    onCall: (call) => (flags.json ? calls.push(call) : printCall(context, call)),
    onLog: (line) => (flags.json ? logs.push(line) : printLog(context, line)),
    signal: io.signal,
    debugger: server?.line,
  }).finally(() => server?.close());
  if (flags.json) out.json(jsonResult(head, flags, result, { calls, logs }));
  else printResult(context, head, result);
  const { end } = result;
  if (end.kind === 'failed') throw scriptFailure(head.bundle.file, end.failure);
  if (end.kind === 'diverged') {
    throw new EngineError('script_diverged', `The script goes another way than its journal: ${end.reason}.`);
  }
}

async function fetchRecorded(context: CommandContext, run: string, flags: Flags): Promise<RecordedRun> {
  const file = resolve(context.io.cwd, run);
  if (existsSync(file)) return readRecordedRun(await readFile(file), `'${run}'`);
  const bytes = await context.client(flags.environment).read(`/runs/${pathPart(run)}/journal`);
  const recorded = readRecordedRun(bytes, `The journal of run '${run}'`);
  if (flags.saveJournal !== undefined) {
    await writeFile(resolve(context.io.cwd, flags.saveJournal), bytes, { mode: 0o600 });
    context.out.note(`Wrote the journal to '${flags.saveJournal}'.`);
  }
  return recorded;
}

function portOf(inspect: string | true): number {
  const port = inspect === true ? 9229 : Number(inspect);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new EngineError('invalid_body', `--inspect '${inspect}': expected a port, from 0 (any free one) to 65535.`);
}

function noteServer({ out }: CommandContext, { url, port }: DebugServer): void {
  out.note(`Debugger listening on ${url}`);
  out.note(
    `Open chrome://inspect in Chrome, or attach VS Code to port ${port}. The script waits for it, and then stops`,
  );
  out.note('before its first line: set breakpoints in your file and go on.');
}

/** The script of the run as it stands in the project's folder. */
async function compileLocal(context: CommandContext, { run, context: guest }: JournalHead): Promise<CompiledScript> {
  const wanted = (script: DeclaredScript): boolean =>
    script.kind === run.kind && script.name === run.name && script.integration === guest.providerConfigKey;
  const { scripts } = await context.out.during('Compiling', () =>
    compileProject(context.project(), { wanted, signal: context.io.signal }),
  );
  const [script] = scripts;
  if (script !== undefined) return script;
  const what = `${run.kind} '${run.name}' of integration '${guest.providerConfigKey}'`;
  throw new EngineError('not_found', `This folder has no ${what}, which run '${run.id}' was of.`);
}

/** A sync may save what its definition says now. */
function withModels(head: JournalHead, script: CompiledScript): JournalHead {
  if (script.kind !== 'sync') return head;
  return { ...head, context: { ...head.context, models: script.definition.returns } };
}

function headline({ run, context }: JournalHead, isLocal: boolean): string {
  const what = `${run.kind} '${run.name}' for connection '${oneLine(context.connectionId)}'`;
  return `Replay of run ${run.id}: ${what}, ${isLocal ? 'with the script of this folder' : 'as it was deployed'}.`;
}

function printCall({ out }: CommandContext, { number, call, answer }: ReplayedCall): void {
  const place = number === null ? '' : String(number);
  out.line(`${place.padStart(5)}  ${call}${answer === '' ? '' : out.style('dim', ` → ${answer}`)}`);
}

function printLog({ out }: CommandContext, { level, message }: ReplayedLine): void {
  out.line(`       ${level} ${oneLine(message, 20_000)}`);
}

function printResult({ out }: CommandContext, head: JournalHead, { end, models }: ReplayResult): void {
  printModels(out, models);
  if (end.kind === 'completed' && head.run.kind === 'action') out.line(outputText(end.output));
  if (end.kind !== 'diverged') out.line(verdict(head, end));
}

function verdict({ run }: JournalHead, end: Exclude<ReplayEnd, { kind: 'diverged' }>): string {
  const then = run.error === null ? `ended as ${run.state}` : `failed with ${errorText(run)}`;
  switch (end.kind) {
    case 'completed':
      return `The script ended. The run ${then}.`;
    case 'failed':
      return isSameFailure(run, end)
        ? 'The journal ends here: the run failed with the same error.'
        : `The script fails, and otherwise than then: the run ${then}.`;
    case 'journal_ended':
      return `The journal ends here, before ${end.before}: the run ${then}.`;
  }
}

function isSameFailure({ error }: JournalHead['run'], { failure }: Extract<ReplayEnd, { kind: 'failed' }>): boolean {
  if (error === null) return false;
  const { code, message, details } = failure;
  return code === error.code && message === error.message && isDeepStrictEqual(details.location, error.location);
}

function jsonResult(
  { run }: JournalHead,
  { code }: Flags,
  { end, models }: ReplayResult,
  seen: { readonly calls: readonly ReplayedCall[]; readonly logs: readonly ReplayedLine[] },
): unknown {
  const failure = end.kind === 'failed' && { error: end.failure, same: isSameFailure(run, end) };
  const output = end.kind === 'completed' && { output: end.output === undefined ? null : JSON.parse(end.output) };
  const more =
    end.kind === 'journal_ended' ? { before: end.before } : end.kind === 'diverged' && { reason: end.reason };
  return { run, code, ...seen, models: modelsByName(models), end: { kind: end.kind, ...failure, ...output, ...more } };
}
