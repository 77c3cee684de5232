import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { Router } from 'express';
import { z } from 'zod';
import { failureCode } from '../../contract/failures.ts';
import type { Environment } from '../../store/environments.ts';
import { listScripts } from '../../store/scripts.ts';
import { runForCaller } from '../action-output.ts';
import { runOfCall } from '../action-calls.ts';
import type { ApiDeps } from '../deps.ts';
import { inputSchema } from '../function-view.ts';
import { type ConnectionAddress, knownConnection } from '../known.ts';
import type { Call, Route } from '../route.ts';
import { connectionHeaders } from '../schemas.ts';

type Asked = Pick<
  Call<unknown, unknown, unknown, z.output<typeof connectionHeaders>>,
  'environment' | 'headers' | 'request' | 'response'
>;

/**
 * The actions of one connection as tools of the Model Context Protocol. Each message is answered by itself: no session is
 * kept, so any process may answer the next one.
 */
export function mcpRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  const answer = async (call: Asked, body?: unknown) => {
    const { 'provider-config-key': providerConfigKey, 'connection-id': connectionId } = call.headers;
    const address = { providerConfigKey, connectionId };
    await knownConnection(deps.db, call.environment, address);
    const server = toolServer(deps, call.environment, address);
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    call.response.once('close', () => void server.close());
    // Its optional handlers are declared without undefined, which a strict reader takes for another type.
    await server.connect(transport as Transport);
    await transport.handleRequest(call.request, call.response, body);
    return { kind: 'sent' } as const;
  };
  router.post(
    '/mcp',
    route({ headers: connectionHeaders, body: z.unknown(), handle: (call) => answer(call, call.body) }),
  );
  router.get(
    '/mcp',
    route({
      headers: connectionHeaders,
      handle: async ({ response }) => {
        const message = 'No stream is kept here: POST each message.';
        response
          .status(405)
          .set('allow', 'POST')
          .json({ error: { code: 'not_allowed', message } });
        return { kind: 'sent' };
      },
    }),
  );
  return router;
}

function toolServer(deps: ApiDeps, environment: Environment, address: ConnectionAddress): Server {
  const server = new Server({ name: 'nango-temporal', version: deps.version }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, async () => {
    const scripts = await listScripts(deps.db, environment.id);
    const actions = scripts.filter(
      (script) => script.kind === 'action' && script.providerConfigKey === address.providerConfigKey,
    );
    const tools = actions.map(async (action) => ({
      name: action.name,
      description: action.description ?? '',
      inputSchema: await inputSchema(deps, action),
    }));
    return { tools: await Promise.all(tools) };
  });
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    try {
      const text = await runTool(deps, environment, address, params);
      return { content: [{ type: 'text', text }] };
    } catch (error) {
      // A model reads what failed and may try something else; what is no failure of ours is told to nobody.
      if (failureCode(error) === undefined) throw error;
      return { content: [{ type: 'text', text: (error as Error).message }], isError: true };
    }
  });
  return server;
}

async function runTool(
  deps: ApiDeps,
  environment: Environment,
  address: ConnectionAddress,
  tool: { readonly name: string; readonly arguments?: unknown },
): Promise<string> {
  const run = await runOfCall(deps, environment, {
    address,
    action: tool.name,
    input: tool.arguments,
    detached: false,
    retries: 0,
    idempotencyKey: undefined,
  });
  return runForCaller(deps, run, tool.name);
}
