import { createAction } from 'nango';
import * as z from 'zod';

const Message = z.object({ channel: z.string(), text: z.string() });
const PostedMessage = z.object({ ok: z.boolean(), ts: z.string() });

const action = createAction({
  description: 'Posts a message to a channel',
  version: '1.0.0',
  input: Message,
  output: PostedMessage,
  exec: async (nango, input) => {
    const { data: message } = await nango.zodValidateInput({ zodSchema: Message, input });
    const { data } = await nango.post<z.infer<typeof PostedMessage>>({ endpoint: '/chat/postMessage', data: message });
    return { ok: data.ok, ts: data.ts };
  },
});

export default action;
