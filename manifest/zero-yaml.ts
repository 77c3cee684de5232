import { noClaims } from './claims.ts';
import { DEFINITION, type EvaluatedDefinition } from './evaluated-definition.ts';
import type { Integration, Manifest, Mistake, MistakeCode } from './manifest.ts';
import { invalid } from './parse.ts';
import { createSchemaModels } from './zero-yaml-models.ts';
import { type Building, type Context, readDefinition } from './zero-yaml-scripts.ts';

/**
 * Reads what the scripts of a zero-yaml project define, as the sandbox hands it over (`EvaluatedDefinition`; anything
 * else ends in a mistake). Throws `manifest_invalid` with every mistake at once in `details.mistakes`.
 */
export function parseDefinitions(definitions: readonly unknown[]): { readonly manifest: Manifest } {
  const { manifest, mistakes } = inspectDefinitions(definitions);
  if (manifest === undefined) throw invalid('index.ts', mistakes);
  return { manifest };
}

/** As `parseDefinitions`, but never throws: either a manifest and no mistakes, or the mistakes, with their codes. */
export function inspectDefinitions(definitions: readonly unknown[]): {
  readonly manifest?: Manifest;
  readonly mistakes: readonly Mistake[];
} {
  const project: Project = { integrations: new Map(), mistakes: [], warnings: [] };
  const parsed = definitions.flatMap((definition) => parseDefinition(project, definition) ?? []);
  // All names are known before any is made up.
  for (const one of parsed) if (one.kind === 'sync') buildingOf(project, one).models.reserve(Object.keys(one.models));
  for (const one of parsed) readDefinition(openContext(project, one));
  if (project.mistakes.length > 0) return { mistakes: project.mistakes };
  const integrations = [...project.integrations.values()];
  return {
    mistakes: [],
    manifest: {
      version: 'zero-yaml',
      integrations: integrations.map(
        ({ name, syncs, actions, onEvents }): Integration => ({ name, syncs, actions, onEvents }),
      ),
      models: integrations.flatMap(({ models }) => models.list()),
      warnings: project.warnings,
    },
  };
}

type Project = {
  readonly integrations: Map<string, Building>;
  readonly mistakes: Mistake[];
  readonly warnings: Mistake[];
};

function parseDefinition({ mistakes }: Project, value: unknown): EvaluatedDefinition | undefined {
  const parsed = DEFINITION.safeParse(value);
  if (parsed.success) return parsed.data;
  const place = { file: textAt(value, 'file') ?? 'index.ts', line: 1, column: 1 };
  const what = `${textAt(value, 'kind') ?? 'definition'} '${textAt(value, 'name') ?? ''}'`;
  for (const { path, message } of parsed.error.issues)
    mistakes.push({ ...place, message: `${path.join('.') || 'the whole'} of ${what}: ${message}` });
  return undefined;
}

function openContext(project: Project, definition: EvaluatedDefinition): Context {
  const { file, kind, name } = definition;
  const at = { line: definition.line ?? 1, column: definition.column ?? 1 };
  const note = (list: Mistake[], message: string, code: MistakeCode | undefined) =>
    list.push({ file, ...at, message, ...(code === undefined ? {} : { code }) });
  return {
    building: buildingOf(project, definition),
    definition,
    at,
    what: `${kind === 'on-event' ? 'on-event script' : kind} '${name.slice(0, 80)}'`,
    reject: (message, code) => note(project.mistakes, message, code),
    warn: (message, code) => note(project.warnings, message, code),
  };
}

function buildingOf({ integrations }: Project, { integration }: EvaluatedDefinition): Building {
  const building = integrations.get(integration) ?? newIntegration(integration);
  integrations.set(integration, building);
  return building;
}

function newIntegration(name: string): Building {
  const models = createSchemaModels(name);
  return { name, syncs: [], actions: [], onEvents: [], models, claims: noClaims(), scripts: new Map() };
}

function textAt(value: unknown, key: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const part: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
  return typeof part === 'string' ? part.slice(0, 80) : undefined;
}
