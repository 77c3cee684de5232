import express, { type Request, Router } from 'express';
import { EngineError } from '../../contract/failures.ts';
import { json, send } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { startTaken, takeWebhook } from '../inbound.ts';

const MAX_BYTES = 10 * 1024 * 1024;

/** Where providers tell us what happened; they have no key, but an address that nobody guesses and their signature. */
export function inboundRoutes(deps: ApiDeps): Router {
  const router = Router({ caseSensitive: true });
  const limit = Math.min(MAX_BYTES, deps.limits.bodyBytes);
  const readBytes = express.raw({ limit, type: () => true });
  const bytesOf = (request: Request, response: express.Response) =>
    new Promise<Buffer>((resolve, reject) => {
      readBytes(request, response, (error?: { type?: string }) => {
        if (error === undefined) return resolve(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
        if (error.type !== 'entity.too.large')
          return reject(new EngineError('invalid_body', 'The body cannot be read.'));
        reject(new EngineError('payload_too_large', `The body is larger than the limit of ${limit} bytes.`));
      });
    });
  router.post('/webhook/:environment/:key', async (request, response) => {
    const body = await bytesOf(request, response);
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
    );
    const address = { publicId: request.params.environment, providerConfigKey: request.params.key };
    const taken = await takeWebhook(deps, address, { headers, body });
    const { challenge, isRepeated } = taken;
    await send(response, json(challenge === undefined ? { received: true, repeated: isRepeated } : { challenge }));
    await startTaken(deps, taken);
  });
  return router;
}
