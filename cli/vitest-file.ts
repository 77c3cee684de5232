/** The file of tests that `generate:tests` writes for a script, of which a migration brings along what nobody has changed. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { testFile } from '../manifest/vitest-scaffold.ts';
import type { DeclaredScript } from './declared.ts';
import { placeIn } from './place.ts';
import type { Project } from './project.ts';
import { findRecording, integrationFolder } from './recorded/find.ts';

/** `file` is relative to the project's folder. */
export type VitestFile = { readonly file: string; readonly text: string };

/** Undefined for a script without a recording. */
export function vitestFile({ folder: root, form }: Project, script: DeclaredScript): VitestFile | undefined {
  const { integration, name, kind, file } = script;
  const folder = integrationFolder(root, file);
  const recording = findRecording(folder, name);
  if (recording === undefined) return undefined;
  const tests = join(folder, 'tests');
  const text = testFile({
    integration,
    name,
    kind: kind === 'sync' ? 'sync' : 'action',
    models: Object.keys({ ...recording.saved, ...recording.deleted }),
    importPath: placeIn(tests, join(root, file)).replace(/\.ts$/, ''),
    isDefinition: form === 'zero-yaml',
  });
  return { file: vitestPlace(root, script), text };
}

/** Where its tests are, with a recording or without. */
export function vitestPlace(root: string, { integration, name, file }: DeclaredScript): string {
  return placeIn(root, join(integrationFolder(root, file), 'tests', `${integration}-${name}.test.ts`));
}

/** Whether a project finds vitest, in its folder or above. */
export function hasVitest(folder: string): boolean {
  if (existsSync(join(folder, 'node_modules', 'vitest'))) return true;
  return dirname(folder) !== folder && hasVitest(dirname(folder));
}
