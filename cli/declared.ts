/** The scripts of a project as it declares them, and where each one's file is. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { EngineError } from '../contract/failures.ts';
import { INDEX_FILE, readIndex } from '../manifest/index-file.ts';
import { type Integration, type Manifest, type Mistake, mistakeLine, type Position } from '../manifest/manifest.ts';
import { parseManifest } from '../manifest/parse.ts';
import { MANIFEST_FILE, type Project, readDeclaringFile, type ScriptPlace, scriptFile } from './project.ts';

export type ScriptKind = 'sync' | 'action' | 'on-event';

/** A script that the project declares; it may not be there. */
export type DeclaredScript = {
  readonly kind: ScriptKind;
  readonly integration: string;
  readonly name: string;
  /** Relative to the project's folder. */
  readonly file: string;
  readonly exists: boolean;
  readonly declaredAt: Position & { readonly file: string };
};

export type Declarations = {
  readonly scripts: readonly DeclaredScript[];
  /** What a `nango.yaml` says; a zero-yaml project says it in its scripts. */
  readonly manifest: Manifest | undefined;
  /** The text of `nango.yaml`; empty without one. */
  readonly manifestText: string;
};

/** Reads what the project declares. Throws `manifest_invalid` with all mistakes. */
export async function readDeclarations(project: Project): Promise<Declarations> {
  const text = await readDeclaringFile(project);
  if (project.form === 'zero-yaml') return { scripts: ofIndex(project, text), manifest: undefined, manifestText: '' };
  const { manifest } = parseManifest(text, MANIFEST_FILE, basename(project.folder));
  const scripts = manifest.integrations.flatMap((integration) => ofIntegration(project, manifest, integration));
  return { scripts, manifest, manifestText: text };
}

/** `sync 'tasks'` and its file, as the mistake that it is missing. */
export function missingScript({ kind, name, integration, file, declaredAt }: DeclaredScript): Mistake {
  const what = { sync: 'Sync', action: 'Action', 'on-event': 'On-event script' }[kind];
  const advice =
    declaredAt.file === INDEX_FILE
      ? `write it with 'nango create', or remove the import`
      : `run 'nango generate' to write one`;
  return { ...declaredAt, message: `${what} '${name}' of '${integration}' has no script '${file}': ${advice}` };
}

function ofIntegration(project: Project, { version }: Manifest, integration: Integration): DeclaredScript[] {
  const place = (
    kind: ScriptKind,
    folder: ScriptPlace['folder'],
    { name, line, column }: Position & { name: string },
  ) => ({
    kind,
    integration: integration.name,
    name,
    ...scriptFile(project, version === 'v1' ? 'v1' : 'v2', { folder, integration: integration.name, name }),
    declaredAt: { file: MANIFEST_FILE, line, column },
  });
  return [
    ...integration.syncs.map((sync) => place('sync', 'syncs', sync)),
    ...integration.actions.map((action) => place('action', 'actions', action)),
    ...integration.onEvents.map((script) =>
      place('on-event', script.isOldForm ? 'post-connection-scripts' : 'on-events', script),
    ),
  ];
}

function ofIndex(project: Project, text: string): DeclaredScript[] {
  const { entries, mistakes } = readIndex(text);
  if (mistakes.length > 0) {
    const lines = mistakes.map(mistakeLine);
    throw new EngineError('manifest_invalid', `'${INDEX_FILE}' has ${lines.length} mistakes: ${lines[0] ?? ''}`, {
      details: { mistakes: lines },
    });
  }
  return entries.map(({ kind, integration, name, file, line, column }) => ({
    kind,
    integration,
    name,
    file,
    exists: existsSync(join(project.folder, file)),
    declaredAt: { file: INDEX_FILE, line, column },
  }));
}
