import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { EngineError } from '../../contract/failures.ts';
import { INDEX_FILE } from '../../manifest/index-file.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import { type MigratedScript, migrateScript } from '../../manifest/migrate.ts';
import { SANDBOX_TYPES_FILE } from '../../manifest/sandbox-types.ts';
import { withImport, zeroFile } from '../../manifest/zero-scaffold.ts';
import { zodModels } from '../../manifest/zod-text.ts';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { type DeclaredScript, missingScript, readDeclarations } from '../declared.ts';
import { placeIn } from '../place.ts';
import { MANIFEST_FILE, type Project, writeGenerated } from '../project.ts';
import { integrationFolder } from '../recorded/find.ts';
import { vitestFile, vitestPlace } from '../vitest-file.ts';

export const define: CommandModule['define'] = (command, { out, project }) => {
  withExample(command, 'nango migrate-to-zero-yaml').action(async () => {
    const place = project();
    const { manifest, scripts } = await readDeclarations(place);
    if (manifest === undefined) return out.line('Nothing to migrate: the project has no nango.yaml.');
    const missing = scripts.filter(({ exists }) => !exists).map(missingScript);
    if (missing.length > 0) {
      const mistakes = missing.map(({ message }) => message);
      throw new EngineError('compile_failed', 'Scripts are missing', { details: { mistakes } });
    }
    // All texts first: a script that cannot be read leaves the project as it is.
    const files = await Promise.all(scripts.map((script) => migrated(place, manifest, script)));
    const tests = await Promise.all(scripts.map((script) => testsOf(place, script)));
    for (const { file, text } of files) await writeGenerated(join(place.folder, file), text);
    await writeGenerated(join(place.folder, 'models.ts'), zodModels(manifest.models));
    await writeGenerated(join(place.folder, INDEX_FILE), scripts.reduce(withImport, ''));
    const moved = scripts.flatMap((script) => recordingsOf(place, script));
    for (const { from, to } of moved)
      await writeGenerated(join(place.folder, to), await readFile(join(place.folder, from), 'utf8'));
    // Two integrations may have shared one.
    for (const from of new Set(moved.map((one) => one.from))) await rm(join(place.folder, from));
    const changed = tests.flatMap((test) => (test?.isChanged ? test.file : []));
    const renewed = await renewTests(
      place,
      scripts.filter((_, index) => tests[index]?.isChanged === false),
    );
    const kept = new Set(files.map(({ file }) => file));
    for (const old of new Set(scripts.map(({ file }) => file).filter((file) => !kept.has(file))))
      await rm(join(place.folder, old));
    await rm(join(place.folder, SANDBOX_TYPES_FILE), { force: true });
    // Kept beside: its comments are nowhere else. Last, since it is what makes the folder a project of the old form.
    await rename(join(place.folder, MANIFEST_FILE), join(place.folder, `${MANIFEST_FILE}.old`));
    for (const { file } of files) out.line(`Wrote ${file}`);
    for (const { from, to } of moved) out.line(`Moved ${from} to ${to}`);
    for (const { from, to } of renewed) out.line(from === to ? `Wrote ${to}` : `Moved ${from} to ${to}`);
    for (const file of changed)
      out.line(`Kept ${file}: it has changes of yours, and the script is now the \`exec\` of its default export.`);
    out.line(`Wrote models.ts and ${INDEX_FILE}; ${MANIFEST_FILE} is now ${MANIFEST_FILE}.old.`);
    out.line("Next: 'nango compile' shows what is left to do by hand.");
  });
};

type Moved = { readonly from: string; readonly to: string };

/** The recordings of a script, which are looked for in the folder of its integration from now on. */
function recordingsOf({ folder }: Project, script: DeclaredScript): Moved[] {
  const place = (file: string) => placeIn(folder, join(integrationFolder(folder, file), 'tests'));
  const [before, after] = [place(script.file), place(zeroFile(script))];
  if (before === after) return [];
  return [`${script.integration}-${script.name}`, script.name]
    .map((name) => ({ from: `${before}/${name}.test.json`, to: `${after}/${name}.test.json` }))
    .filter(({ from }) => existsSync(join(folder, from)));
}

/** The tests of a script for vitest that are there, and whether they are others than `generate:tests` writes. */
async function testsOf(project: Project, script: DeclaredScript) {
  const file = vitestPlace(project.folder, script);
  if (!existsSync(join(project.folder, file))) return undefined;
  const text = await readFile(join(project.folder, file), 'utf8');
  return { file, isChanged: text !== vitestFile(project, script)?.text };
}

/** Writes tests anew, for definitions, beside the recordings, which have moved already. */
async function renewTests(project: Project, scripts: readonly DeclaredScript[]): Promise<Moved[]> {
  const moved: Moved[] = [];
  for (const script of scripts) {
    const next = vitestFile({ ...project, form: 'zero-yaml' }, { ...script, file: zeroFile(script) });
    if (next === undefined) continue;
    const from = vitestPlace(project.folder, script);
    await writeGenerated(join(project.folder, next.file), next.text);
    if (from !== next.file) await rm(join(project.folder, from));
    moved.push({ from, to: next.file });
  }
  return moved;
}

async function migrated(
  project: Project,
  manifest: Manifest,
  script: DeclaredScript,
): Promise<{ file: string; text: string }> {
  const file = zeroFile(script);
  const text = await readFile(join(project.folder, script.file), 'utf8');
  const move = (specifier: string): string => {
    const target = posix.join(posix.dirname(script.file), specifier).replace(/\.[jt]s$/, '');
    const moved = posix.relative(posix.dirname(file), target);
    return `${moved.startsWith('.') ? moved : `./${moved}`}.js`;
  };
  const modelsPath = `${posix.relative(dirname(file), 'models')}.js`;
  return { file, text: migrateScript({ ...definitionOf(manifest, script), text } as MigratedScript, modelsPath, move) };
}

function definitionOf({ integrations }: Manifest, { kind, integration, name }: DeclaredScript) {
  const own = integrations.find((one) => one.name === integration);
  const lists = { sync: own?.syncs, action: own?.actions, 'on-event': own?.onEvents };
  const definition = (lists[kind] as readonly { readonly name: string }[] | undefined)?.find(
    (one) => one.name === name,
  );
  if (definition === undefined)
    throw new EngineError('internal', `Script '${name}' of '${integration}' has no definition.`);
  return { kind, definition };
}
