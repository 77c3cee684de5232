/** Files that the CLI writes and keeps up to date in a project. */
import { join } from 'node:path';
import { SCHEMA_FILE, schemaDocument } from '../manifest/json-schema.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { SANDBOX_TYPES, SANDBOX_TYPES_FILE } from '../manifest/sandbox-types.ts';
import { generateModels } from '../manifest/typegen.ts';
import { type Project, writeGenerated } from './project.ts';

export type GeneratedFile = { readonly name: string; readonly text: string };

/** What follows from a `nango.yaml`. */
export function generatedFiles(manifest: Manifest): GeneratedFile[] {
  return [
    { name: 'models.ts', text: generateModels(manifest) },
    { name: SANDBOX_TYPES_FILE, text: SANDBOX_TYPES },
    { name: SCHEMA_FILE, text: `${JSON.stringify(schemaDocument(manifest.models), null, 2)}\n` },
  ];
}

/** Brings them up to date and names those it wrote; a zero-yaml project has its types in its scripts. */
export async function writeTypes({ folder }: Project, manifest: Manifest | undefined): Promise<string[]> {
  const files = manifest === undefined ? [] : generatedFiles(manifest);
  const written = await Promise.all(
    files.map(async ({ name, text }) => ((await writeGenerated(join(folder, name), text)) ? [name] : [])),
  );
  return written.flat();
}
