import { NangoSync } from './models';

interface PostMessageParams {
  channel: string;
  text: string;
}

export default async function runAction(nango: NangoSync, input: PostMessageParams) {
  if (!input || !input.channel || !input.text) {
    throw new nango.ActionError({ message: "expected an input with 'channel' and 'text'" });
  }

  const response = await nango.post({
    endpoint: '/chat/postMessage',
    data: { channel: input.channel, text: input.text },
  });

  return { ok: response.data.ok, ts: response.data.ts };
}
