/**
 * A small application beside the engine: reads the tasks that the sync of `../nango-integrations` keeps, and posts who has
 * how many of them open with its action. It talks to the engine by the ordinary client `@nangohq/node`, and takes the
 * types of records and output from the generated `models.ts`.
 *
 *   NANGO_SECRET_KEY_DEV=… npm start
 */
import { Nango } from '@nangohq/node';
import type { PostedMessage, Task } from '../nango-integrations/models.ts';
import { summaryOf } from './summary.ts';

type Message = { readonly channel: string; readonly text: string };

const secretKey = process.env['NANGO_SECRET_KEY_DEV'];
if (secretKey === undefined) throw new Error('Set NANGO_SECRET_KEY_DEV: the .env of your integrations folder has it.');
const nango = new Nango({ host: process.env['NANGO_HOSTPORT'] ?? 'http://localhost:3003', secretKey });

const text = summaryOf(await allTasks('acme'));
const posted = await nango.triggerAction<Message, PostedMessage>('team-chat', 'acme', 'post-message', {
  channel: 'general',
  text,
});
console.log(text);
console.log(posted.ok ? `Posted at ${posted.ts}.` : 'The chat did not take it.');

/** Every task of the connection, page by page. */
async function allTasks(connectionId: string): Promise<Task[]> {
  const tasks: Task[] = [];
  let cursor: string | null = null;
  do {
    const page: { records: Task[]; next_cursor: string | null } = await nango.listRecords<Task>({
      providerConfigKey: 'task-tracker',
      connectionId,
      model: 'Task',
      filter: 'added,updated',
      limit: 10,
      ...(cursor !== null && { cursor }),
    });
    tasks.push(...page.records);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return tasks;
}
