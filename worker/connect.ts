import { readFile } from 'node:fs/promises';
import { NativeConnection } from '@temporalio/worker';
import { EngineError } from '../contract/failures.ts';

export type TemporalAddress = {
  readonly address: string;
  readonly namespace: string;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly caFile: string | undefined;
  readonly apiKey: string | undefined;
};

/**
 * The one connection of a process to Temporal: client and workers share it, which eager start needs.
 * @throws EngineError `engine_unavailable` naming the setting when the server cannot be reached.
 */
export async function connectTemporal(temporal: TemporalAddress): Promise<NativeConnection> {
  const tls = await tlsOf(temporal);
  try {
    return await NativeConnection.connect({
      address: temporal.address,
      ...(tls && { tls }),
      ...(temporal.apiKey && { apiKey: temporal.apiKey, metadata: { 'temporal-namespace': temporal.namespace } }),
      // Compressing to a server beside us costs more than it saves; over TLS it is a server far away.
      ...(!tls && { grpcCompression: { codec: 'none' as const } }),
    });
  } catch (cause) {
    throw new EngineError(
      'engine_unavailable',
      `Temporal at '${temporal.address}' cannot be reached: check TEMPORAL_ADDRESS and the TEMPORAL_TLS settings, or leave TEMPORAL_ADDRESS out to start a local server`,
      { cause },
    );
  }
}

async function tlsOf({ certFile, keyFile, caFile, apiKey }: TemporalAddress) {
  if (!certFile && !keyFile && !caFile) return apiKey ? {} : undefined;
  const [crt, key, ca] = await Promise.all([readPem(certFile), readPem(keyFile), readPem(caFile)]);
  return {
    ...(ca && { serverRootCACertificate: ca }),
    ...(crt && key && { clientCertPair: { crt, key } }),
  };
}

async function readPem(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  return readFile(file).catch((cause) => {
    throw new EngineError('configuration_invalid', `TEMPORAL_TLS file '${file}' cannot be read`, { cause });
  });
}
