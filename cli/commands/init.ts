import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { Option } from 'commander';
import { INDEX_FILE } from '../../manifest/index-file.ts';
import { parseManifest } from '../../manifest/parse.ts';
import { SANDBOX_TYPES_FILE } from '../../manifest/sandbox-types.ts';
import { STRICT_TSCONFIG_TEXT, TSCONFIG_TEXT } from '../../manifest/tsconfig-template.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { exchange } from '../exchange.ts';
import { generatedFiles } from '../generated.ts';
import { dependencyOn, type InstalledPackage, installedPackage } from '../package.ts';
import { findProject, MANIFEST_FILE, PROJECT_FOLDER, type Project, writeOnce } from '../project.ts';

type NewFile = { readonly name: string; readonly text: string; readonly mode?: number };

const ENV_MODE = 0o600;
const ANSWER_WITHIN_MS = 1_000;

export const define: CommandModule['define'] = (command, context) => {
  command
    .argument('[path]', 'the folder to make', PROJECT_FOLDER)
    // "Copy only": nothing is ever installed or compiled here.
    .addOption(new Option('--copy').hideHelp())
    .option('--zero-yaml', 'declare scripts in TypeScript, with zod models, instead of in nango.yaml');
  withExample(command, 'nango init', 'nango init my-integrations', 'nango init --zero-yaml').action(
    (path: string, { zeroYaml = false }: { readonly zeroYaml?: boolean }) =>
      init(context, path, zeroYaml ? 'zero-yaml' : 'yaml'),
  );
};

/** Makes the folder. Where there is a project it changes nothing, and no file that exists is touched. */
async function init(context: CommandContext, path: string, form: Project['form']): Promise<void> {
  const { out, io } = context;
  const folder = resolve(io.cwd, path);
  const existing = path === PROJECT_FOLDER ? findProject(io.cwd) : findProject(folder);
  if (existing !== undefined) {
    out.note(
      `'${existing.folder}' is a project already (it has ${existing.form === 'yaml' ? `a ${MANIFEST_FILE}` : 'an index.ts of scripts'}): nothing was changed.`,
    );
    return;
  }
  const installed = installedPackage();
  const keys = await findKeys([join(io.cwd, '.local', '.env'), join(installed.root, '.local', '.env')]);
  for (const file of await newFiles(form, folder, installed, keys)) {
    const written = await writeOnce(join(folder, file.name), file.text, file.mode);
    out.line(`${written ? 'Wrote' : 'Kept'} ${join(path, file.name)}`);
  }
  const running = await answersAt(context.settings().server);
  printNextSteps(context, { path, running, hasKeys: keys.length > 0, isClone: installed.isClone });
}

async function newFiles(
  form: Project['form'],
  folder: string,
  installed: InstalledPackage,
  keys: readonly string[],
): Promise<NewFile[]> {
  const { before, declaring, tsconfig } = await (form === 'yaml' ? yamlFiles(installed) : zeroFiles(installed));
  return [
    ...before,
    { name: 'tsconfig.json', text: tsconfig },
    { name: 'package.json', text: packageText(form, folder, installed) },
    { name: '.gitignore', text: '.env\n.local/\n.nango/\ndist/\nnode_modules/\n' },
    { name: '.env', text: envText(keys), mode: ENV_MODE },
    // Last, since it is what makes the folder a project: an init that was cut short can be run again.
    declaring,
  ];
}

/** What the two forms do not share. */
type FormFiles = { readonly before: readonly NewFile[]; readonly declaring: NewFile; readonly tsconfig: string };

async function yamlFiles({ root }: InstalledPackage): Promise<FormFiles> {
  const example = join(root, 'examples', PROJECT_FOLDER);
  const declaring = await fileOf(example, MANIFEST_FILE);
  const scripts = (await readdir(example)).filter(
    (name) => /\.ts$/.test(name) && name !== 'models.ts' && name !== SANDBOX_TYPES_FILE,
  );
  const { manifest } = parseManifest(declaring.text, MANIFEST_FILE);
  const before = [...(await Promise.all(scripts.map((name) => fileOf(example, name)))), ...generatedFiles(manifest)];
  return { before, declaring, tsconfig: TSCONFIG_TEXT };
}

async function zeroFiles({ root }: InstalledPackage): Promise<FormFiles> {
  const example = join(root, 'examples', 'zero-yaml');
  const scripts = (await readdir(example, { recursive: true })).filter(
    (name) => /\.ts$/.test(name) && name !== INDEX_FILE,
  );
  const before = await Promise.all(scripts.sort().map((name) => fileOf(example, name)));
  return { before, declaring: await fileOf(example, INDEX_FILE), tsconfig: STRICT_TSCONFIG_TEXT };
}

async function fileOf(folder: string, name: string): Promise<NewFile> {
  return { name, text: await readFile(join(folder, name), 'utf8') };
}

function packageText(form: Project['form'], folder: string, installed: InstalledPackage): string {
  const nango = dependencyOn(installed, folder);
  // For editors and tests: a deployed script gets it from the sandbox.
  const devDependencies = form === 'yaml' ? { nango } : { nango, zod: installed.zod };
  return `${JSON.stringify({ name: PROJECT_FOLDER, private: true, type: 'module', devDependencies }, null, 2)}\n`;
}

function envText(keys: readonly string[]): string {
  const blanks = ['# NANGO_SECRET_KEY_DEV=', '# NANGO_SECRET_KEY_PROD='];
  return [
    '# Secret keys, one for each environment of the server. Never commit this file.',
    ...(keys.length > 0 ? keys : blanks),
    ...(keys.some((line) => line.startsWith('NANGO_HOSTPORT=')) ? [] : ['# NANGO_HOSTPORT=http://localhost:3003']),
    '',
  ].join('\n');
}

/** The lines that `npm start` left in the first of these files. */
async function findKeys(files: readonly string[]): Promise<string[]> {
  const file = files.find((path) => existsSync(path));
  if (file === undefined) return [];
  const entries = Object.entries(parseEnv(await readFile(file, 'utf8')));
  return entries
    .filter(([name, value]) => /^NANGO_(SECRET_KEY(_\w+)?|HOSTPORT)$/.test(name) && value)
    .map(([name, value]) => `${name}=${value}`);
}

async function answersAt(server: string): Promise<boolean> {
  const request = { method: 'GET', path: '/', headers: {}, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) };
  return exchange(server, request).then(
    (response) => response.status === 200 && response.body.includes('nango-temporal'),
    () => false,
  );
}

type Found = {
  readonly path: string;
  readonly running: boolean;
  readonly hasKeys: boolean;
  readonly isClone: boolean;
};

function printNextSteps({ out }: CommandContext, found: Found): void {
  const start = found.isClone
    ? 'npm start -- --example in the clone'
    : 'nango start --example in this folder, in another terminal';
  const steps = [
    ...(found.running ? [] : [`${start}: starts the platform with the example's upstream`]),
    // What is started in this folder leaves its keys where they are looked for.
    ...(found.hasKeys || !found.isClone
      ? []
      : [`put the secret keys that npm start printed into ${join(found.path, '.env')}`]),
    // Of the folder of the usual name the commands know from beside it.
    ...([PROJECT_FOLDER, '.'].includes(found.path) ? [] : [`cd ${found.path}`]),
    'nango dev: shows mistakes as you write (Ctrl-C ends it)',
    'nango deploy dev: brings the sync and the action to the server',
    'nango status: shows the sync with its records and next run',
  ];
  out.line();
  out.line(out.style('bold', 'Next:'));
  for (const step of steps) out.line(`  ${step}`);
}
