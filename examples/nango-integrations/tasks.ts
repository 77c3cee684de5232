import { NangoSync, Task } from './models';

const PAGE_SIZE = 100;

export default async function fetchData(nango: NangoSync) {
  const changes = await fetchChanges(nango);

  const tasks = changes.filter((task) => !task.deleted).map(mapTask);
  await nango.batchSave(tasks, 'Task');

  const deleted = changes.filter((task) => task.deleted).map((task) => ({ id: task.id }));
  await nango.batchDelete<Task>(deleted, 'Task');

  await nango.log(`${tasks.length} tasks saved, ${deleted.length} deleted`);
}

// The first run asks for everything; later ones for what changed, deleted tasks included, since the last run began.
async function fetchChanges(nango: NangoSync) {
  let changes: any[] = [];
  let cursor = null;
  do {
    const params: Record<string, string> = { limit: String(PAGE_SIZE) };
    if (cursor) params.cursor = cursor;
    if (nango.lastSyncDate) params.updated_since = nango.lastSyncDate.toISOString();

    const response = await nango.get({ endpoint: '/tasks', params, retries: 5 });
    changes = changes.concat(response.data.tasks);
    cursor = response.data.next_cursor;
  } while (cursor);
  return changes;
}

function mapTask(task: any): Task {
  return {
    id: task.id,
    title: task.title,
    done: task.done,
    assignee: task.assignee ? task.assignee.name : null,
    updated_at: new Date(task.updated_at),
  };
}
