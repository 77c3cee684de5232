import { createSync } from 'nango';
import * as z from 'zod';

const PAGE_SIZE = 100;

const Task = z.object({
  id: z.string(),
  title: z.string(),
  done: z.boolean(),
  assignee: z.string().nullable(),
  updated_at: z.string(),
});

interface ApiTask {
  id: string;
  title: string;
  done: boolean;
  assignee: { name: string } | null;
  updated_at: string;
  deleted: boolean;
}

const sync = createSync({
  description: 'The tasks of one workspace, kept up to date with what changed since the last run',
  version: '1.0.0',
  frequency: 'every 30min',
  autoStart: true,
  syncType: 'incremental',
  models: { Task },
  exec: async (nango) => {
    // The first run asks for everything; later ones for what changed, deleted tasks included, since the last run began.
    const since = nango.lastSyncDate?.toISOString();
    const params = { limit: PAGE_SIZE, ...(since && { updated_since: since }) };
    let saved = 0;
    let deleted = 0;
    for await (const page of nango.paginate<ApiTask>({ endpoint: '/tasks', params, retries: 5 })) {
      const tasks = page.filter((task) => !task.deleted).map(toTask);
      const gone = page.filter((task) => task.deleted).map(({ id }) => ({ id }));
      await nango.batchSave(tasks, 'Task');
      await nango.batchDelete(gone, 'Task');
      saved += tasks.length;
      deleted += gone.length;
    }
    await nango.log(`${saved} tasks saved, ${deleted} deleted`);
  },
});

function toTask({ id, title, done, assignee, updated_at }: ApiTask): z.infer<typeof Task> {
  return { id, title, done, assignee: assignee?.name ?? null, updated_at };
}

export default sync;
