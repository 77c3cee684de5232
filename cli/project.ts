/** The integrations folder: where it is, and which files in it are whose. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EngineError } from '../contract/failures.ts';
import { INDEX_FILE } from '../manifest/index-file.ts';
import { errnoOf } from './errno.ts';

export const MANIFEST_FILE = 'nango.yaml';
export const PROJECT_FOLDER = 'nango-integrations';

export type Project = {
  /** The folder that holds `nango.yaml`, or `index.ts` of a project without one. */
  readonly folder: string;
  readonly form: 'yaml' | 'zero-yaml';
};

/** The project in `cwd` itself or in `cwd/nango-integrations`; undefined where there is none. */
export function findProject(cwd: string): Project | undefined {
  return [cwd, join(cwd, PROJECT_FOLDER)].flatMap((folder) => projectIn(folder) ?? [])[0];
}

function projectIn(folder: string): Project | undefined {
  if (existsSync(join(folder, MANIFEST_FILE))) return { folder, form: 'yaml' };
  return isZeroYaml(folder) ? { folder, form: 'zero-yaml' } : undefined;
}

/** `index.ts` beside the folder `.nango`, which git may not have brought along, or with an import of a script in it. */
function isZeroYaml(folder: string): boolean {
  const index = join(folder, INDEX_FILE);
  if (!existsSync(index)) return false;
  return (
    existsSync(join(folder, '.nango')) ||
    /['"]\.\/[^'"]+\/(syncs|actions|on-events)\//.test(readFileSync(index, 'utf8'))
  );
}

/** As `findProject`. Throws `configuration_invalid` where there is none, saying how to make one. */
export function requireProject(cwd: string): Project {
  const project = findProject(cwd);
  if (project !== undefined) return project;
  throw new EngineError(
    'configuration_invalid',
    `No ${MANIFEST_FILE} in '${cwd}' nor in its folder '${PROJECT_FOLDER}', and no ${INDEX_FILE} that imports scripts: ` +
      `change to the folder of your integrations, or make one with 'nango init'.`,
  );
}

/** The file that says which scripts there are, relative to the folder. */
export function declaringFile({ form }: Project): string {
  return form === 'yaml' ? MANIFEST_FILE : INDEX_FILE;
}

/** Its text. Throws `manifest_invalid` when it cannot be read. */
export async function readDeclaringFile(project: Project): Promise<string> {
  const path = join(project.folder, declaringFile(project));
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EngineError('manifest_invalid', `'${path}' cannot be read: expected a text file.`, { cause });
  });
}

/** A script as its place in the folder follows from it. `folder` is what its section is called there. */
export type ScriptPlace = {
  readonly folder: 'syncs' | 'actions' | 'on-events' | 'post-connection-scripts';
  readonly integration: string;
  readonly name: string;
};

/**
 * The file of a script, relative to the project's folder: `<name>.ts` beside `nango.yaml`, or in
 * `<integration>/syncs|actions|…/`, or, for a project that is the folder of one integration, in `syncs|actions|…/`.
 * Where it is in none of them, `exists` is false and `file` is where it belongs: v1 is flat, v2 nested.
 */
export function scriptFile(
  project: Project,
  version: 'v1' | 'v2',
  { folder, integration, name }: ScriptPlace,
): { readonly file: string; readonly exists: boolean } {
  const flat = `${name}.ts`;
  const nested = `${integration}/${folder}/${name}.ts`;
  const places = version === 'v1' ? [flat, nested] : [nested, flat];
  for (const file of [...places, `${folder}/${name}.ts`])
    if (existsSync(join(project.folder, file))) return { file, exists: true };
  return { file: places[0] ?? flat, exists: false };
}

/**
 * Writes a generated file unless its text is that already, in one step, so that a reader never sees half of it.
 * Says whether it wrote.
 */
export async function writeGenerated(path: string, text: string): Promise<boolean> {
  const current = await readFile(path, 'utf8').catch(() => undefined);
  if (current === text) return false;
  await mkdir(dirname(path), { recursive: true });
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.draft`);
  await writeFile(draft, text);
  await rename(draft, path);
  return true;
}

/** Writes a file that is the author's from then on. Never overwrites; says whether it wrote. */
export async function writeOnce(path: string, text: string, mode = 0o644): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(path, text, { flag: 'wx', mode });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}
