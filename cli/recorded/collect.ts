/** The tests of a project: its scripts that have a recording, with all they need to run. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { type Catalogue, paginateDefaults } from '../../outbound/catalogue.ts';
import type { CompiledBundle } from '../../sandbox/compile.ts';
import { createDigests, openCache } from '../build-cache.ts';
import { bundleScripts } from '../bundling.ts';
import { type DeclaredScript, readDeclarations } from '../declared.ts';
import type { Project } from '../project.ts';
import { findRecording, integrationFolder } from './find.ts';
import type { Overrides } from './host.ts';
import { isOfSync, type Recording } from './recording.ts';
import type { RecordedTest } from './run.ts';
import { placeIn } from '../place.ts';

/** A test, or why there is none although there is a recording. */
export type Collected = {
  readonly declared: DeclaredScript;
  readonly form: Recording['form'];
  readonly test: RecordedTest | { readonly reason: string };
};

const OVERRIDES = z.record(
  z.string(),
  z.strictObject({
    getConnection: z.record(z.string(), z.unknown()).optional(),
    getMetadata: z.record(z.string(), z.unknown()).optional(),
    getToken: z.unknown().optional(),
    lastSyncDate: z.iso.datetime({ offset: true }).optional(),
    checkpoint: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
    clock: z.iso.datetime({ offset: true }).optional(),
  }),
);
export type OverridesByScript = Readonly<Record<string, Overrides>>;

/** Reads the file of `--overrides`, keyed `integration/syncs|actions/script`. Throws `invalid_body` with all mistakes. */
export async function readOverrides(path: string): Promise<OverridesByScript> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EngineError('invalid_body', `File '${path}' of --overrides cannot be read: expected a JSON file.`, {
      cause,
    });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EngineError('invalid_body', `File '${path}' of --overrides is no JSON.`, { cause });
  }
  const result = OVERRIDES.safeParse(value);
  if (result.success) return result.data as OverridesByScript;
  const mistakes = result.error.issues.map(
    (issue) => `${path}: '${issue.path.map(String).join('.')}': ${issue.message}`,
  );
  throw new EngineError('invalid_body', `File '${path}' of --overrides has mistakes.`, { details: { mistakes } });
}

/**
 * Finds the recordings of the scripts that lie at `path`, or are called so; all of them without one. Throws `not_found`
 * where no script is meant: a word mistyped must not pass for a test.
 */
export async function findRecordings(
  project: Project,
  path: string | undefined,
  cwd: string,
): Promise<{ readonly declared: DeclaredScript; readonly recording: Recording | { readonly reason: string } }[]> {
  const { scripts } = await readDeclarations(project);
  const wanted = path === undefined ? () => true : matcher(project, path, cwd);
  if (path !== undefined && !scripts.some(wanted)) throw nothingAt(path, scripts);
  const found = scripts
    .filter((script) => script.exists && script.kind !== 'on-event' && wanted(script))
    .flatMap((declared) => {
      const recording = recordingOf(project, declared);
      return recording === undefined ? [] : [{ declared, recording }];
    });
  // A sync and an action of one name share a file, which belongs to the one it is a recording of.
  return found.filter(({ declared, recording }) => {
    const twin = found.some((other) => other.declared !== declared && isTwin(other.declared, declared));
    return !twin || 'reason' in recording || isOfSync(recording) === (declared.kind === 'sync');
  });
}

/** A script's bundle, or why it has none. */
export type Bundler = (script: DeclaredScript) => Promise<CompiledBundle | { readonly reason: string }>;

/** Takes over what earlier builds left of scripts whose files are the same, and bundles the others. */
export async function createBundler(project: Project): Promise<Bundler> {
  const cache = await openCache(project);
  const digests = createDigests(project);
  return async (declared) => {
    const known = await cache.bundle(declared.file, digests);
    if (known !== undefined) return known;
    const begun = Date.now();
    const { bundles, mistakes } = await bundleScripts(project, [declared]);
    const bundle = bundles.get(declared.file);
    if (bundle === undefined) return { reason: mistakes.join('\n') };
    await cache.keepBundle(bundle, digests, begun);
    return bundle;
  };
}

/** Puts the test of a script together. */
export async function collectTest(
  bundler: Bundler,
  { declared, recording }: Awaited<ReturnType<typeof findRecordings>>[number],
  options: {
    readonly overrides: OverridesByScript;
    readonly catalogue: () => Catalogue;
    readonly recordedClock: boolean;
  },
): Promise<Collected> {
  if ('reason' in recording) return { declared, form: 'unified', test: recording };
  const { form } = recording;
  const bundle = await bundler(declared);
  if ('reason' in bundle) return { declared, form, test: bundle };
  const { integration, name, kind } = declared;
  const overrides = options.overrides[`${integration}/${kind}s/${name}`] ?? {};
  // Reading the catalogue takes longer than a dozen scripts, and few of them ask for pages.
  const paginates = recording.paginate === undefined && bundle.code.includes('paginate');
  const recordedAt = options.recordedClock ? recording.recordedAt() : undefined;
  const clock = overrides.clock === undefined ? (recordedAt ?? new Date()) : new Date(overrides.clock);
  const test: RecordedTest = {
    integration,
    script: name,
    kind: kind === 'sync' ? 'sync' : 'action',
    bundle,
    recording,
    overrides,
    provider: integration,
    paginate: paginates ? paginateDefaults(options.catalogue(), integration) : recording.paginate,
    clock,
  };
  return { declared, form, test };
}

function recordingOf(
  project: Project,
  { file, name }: DeclaredScript,
): Recording | { readonly reason: string } | undefined {
  try {
    return findRecording(integrationFolder(project.folder, file), name);
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

function nothingAt(path: string, scripts: readonly DeclaredScript[]): EngineError {
  const known = scripts.map(({ integration, name }) => `${integration}/${name}`).join(', ') || 'none';
  return new EngineError(
    'not_found',
    `No script of the project lies at '${path}' or is called so: expected a file, a folder, an integration, a name, or one of ${known}.`,
  );
}

function isTwin(one: DeclaredScript, other: DeclaredScript): boolean {
  return one.integration === other.integration && one.name === other.name;
}

function matcher({ folder }: Project, path: string, cwd: string): (script: DeclaredScript) => boolean {
  const place = placeIn(folder, resolve(cwd, path));
  return ({ file, integration, name }) =>
    file === place || file.startsWith(`${place}/`) || [integration, name, `${integration}/${name}`].includes(path);
}
