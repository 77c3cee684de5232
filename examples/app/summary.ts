import type { Task } from '../nango-integrations/models.ts';

/** One line for each person: how many tasks are open, and which of them was changed last. */
export function summaryOf(tasks: readonly Task[]): string {
  const open = tasks.filter((task) => !task.done);
  const people = Map.groupBy(open, (task) => task.assignee ?? 'nobody');
  const lines = [...people]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([who, theirs]) => lineOf(who, theirs));
  return [`${open.length} of ${tasks.length} tasks are open`, ...lines].join('\n');
}

function lineOf(who: string, tasks: readonly Task[]): string {
  const newest = tasks.reduce((one, other) => (String(other.updated_at) > String(one.updated_at) ? other : one));
  return `${who}: ${tasks.length}, last changed '${newest.title}'`;
}
