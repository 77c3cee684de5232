/** What a deploy is going to change, as the server answers `POST /sync/deploy/confirmation`. Pure. */
import { count, type Output, oneLine } from './output.ts';

export type PlannedScript = {
  readonly name: string;
  readonly providerConfigKey: string;
  readonly connections?: number;
};
type EventScript = PlannedScript & { readonly event: string };
export type DeployPlan = {
  readonly newSyncs?: readonly PlannedScript[];
  readonly updatedSyncs?: readonly PlannedScript[];
  readonly unchangedSyncs?: readonly PlannedScript[];
  readonly deletedSyncs?: readonly PlannedScript[];
  readonly newActions?: readonly PlannedScript[];
  readonly updatedActions?: readonly PlannedScript[];
  readonly unchangedActions?: readonly PlannedScript[];
  readonly deletedActions?: readonly PlannedScript[];
  readonly newOnEventScripts?: readonly EventScript[];
  readonly updatedOnEventScripts?: readonly EventScript[];
  readonly deletedOnEventScripts?: readonly EventScript[];
  readonly deletedModels?: readonly (string | { readonly name: string })[];
};

/** The scripts a deploy takes away from connections that use them. */
export function removalsInUse(plan: DeployPlan): PlannedScript[] {
  return [...(plan.deletedSyncs ?? []), ...(plan.deletedActions ?? [])].filter(
    ({ connections = 0 }) => connections > 0,
  );
}

/** Prints the plan, one line a script: `+` added, `~` changed, `-` removed. */
export function printPlan(out: Output, plan: DeployPlan): void {
  const rows = [
    ...rowsOf('+', 'sync', plan.newSyncs),
    ...rowsOf('~', 'sync', plan.updatedSyncs),
    ...rowsOf('-', 'sync', plan.deletedSyncs),
    ...rowsOf('+', 'action', plan.newActions),
    ...rowsOf('~', 'action', plan.updatedActions),
    ...rowsOf('-', 'action', plan.deletedActions),
    ...eventRows('+', plan.newOnEventScripts),
    ...eventRows('~', plan.updatedOnEventScripts),
    ...eventRows('-', plan.deletedOnEventScripts),
  ];
  const colours = { '+': 'green', '~': 'yellow', '-': 'red' } as const;
  const coloured = rows.map(([mark, ...rest]) => [out.style(colours[mark], mark), ...rest]);
  out.table(['', 'script', 'name', 'integration', 'connections'], coloured, 'No script is added, changed or removed.');
  const unchanged = (plan.unchangedSyncs?.length ?? 0) + (plan.unchangedActions?.length ?? 0);
  if (unchanged > 0) out.line(`Unchanged: ${count(unchanged, 'script')}.`);
  const models = (plan.deletedModels ?? []).map((model) => (typeof model === 'string' ? model : model.name));
  if (models.length > 0)
    out.line(`No longer written: ${models.map((model) => oneLine(model)).join(', ')}. Stored records stay.`);
}

/** `2 syncs that connections use: 'tasks' of 'tracker' (3 connections)`. */
export function describeRemovals(removals: readonly PlannedScript[]): string {
  const each = removals.map(
    (one) => `'${one.name}' of '${one.providerConfigKey}' (${count(one.connections ?? 0, 'connection')})`,
  );
  return `${count(removals.length, 'script')} in use: ${each.join(', ')}`;
}

function eventRows(mark: Mark, scripts: readonly EventScript[] = []): [Mark, ...string[]][] {
  return scripts.flatMap((script) => rowsOf(mark, oneLine(script.event), [script]));
}

type Mark = '+' | '~' | '-';

function rowsOf(mark: Mark, kind: string, scripts: readonly PlannedScript[] = []): [Mark, ...string[]][] {
  return scripts.map((script) => [
    mark,
    kind,
    oneLine(script.name),
    oneLine(script.providerConfigKey),
    script.connections === undefined ? '' : String(script.connections),
  ]);
}
