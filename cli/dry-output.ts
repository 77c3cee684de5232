/** How it looks what a script would have stored or answered. */
import type { DryModel } from './dry-records.ts';
import type { Output } from './output.ts';

export function printModels(out: Output, models: readonly DryModel[]): void {
  for (const { model, saved, deleted } of models) {
    out.line(out.style('bold', `${model}: ${saved.length} to save, ${deleted.length} to delete`));
    for (const row of saved) out.line(`  save ${JSON.stringify(row)}`);
    for (const id of deleted) out.line(`  delete ${JSON.stringify({ id })}`);
  }
}

export function modelsByName(models: readonly DryModel[]): Record<string, Omit<DryModel, 'model'>> {
  return Object.fromEntries(models.map(({ model, ...rest }) => [model, rest]));
}

/** The output of an action, JSON text, for a person's eyes. */
export function outputText(output: string | undefined): string {
  return output === undefined ? 'The action answered nothing.' : JSON.stringify(JSON.parse(output), null, 2);
}
