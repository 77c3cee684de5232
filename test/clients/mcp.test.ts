import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { expect, test } from '@jest/globals';
import { useProject } from './use-project.ts';

const { platform } = useProject();

async function connect(connectionId: string): Promise<Client> {
  const { apiUrl, key } = platform.caller;
  const headers = { authorization: `Bearer ${key}`, 'provider-config-key': 'tracker', 'connection-id': connectionId };
  const client = new Client({ name: 'test', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(`${apiUrl}/mcp`), { requestInit: { headers } });
  await client.connect(transport as Transport);
  return client;
}

test("a connection's actions are tools that the official client lists and calls", async () => {
  const client = await connect('acme');
  const { tools } = await client.listTools();
  expect(tools.map(({ name, inputSchema }) => [name, inputSchema.type])).toEqual([
    ['echo', 'object'],
    ['refuse', 'object'],
    ['spare', 'object'],
  ]);
  const { content } = await client.callTool({ name: 'echo', arguments: { a: 1 } });
  expect(content).toEqual([{ type: 'text', text: '{"got":{"a":1}}' }]);
  await client.close();
});

test('what a tool fails with is told to the model, and an unknown connection to nobody', async () => {
  const client = await connect('acme');
  for (const name of ['refuse', 'none'])
    expect(await client.callTool({ name, arguments: {} })).toMatchObject({ isError: true });
  await client.close();
  await expect(connect('none')).rejects.toThrow('unknown_connection');
});
