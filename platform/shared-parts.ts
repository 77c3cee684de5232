import { EngineError } from '../contract/failures.ts';
import type { Settings } from '../runtime/env.ts';
import type { Parts } from './parts.ts';

/** The servers several processes share: all must be named. @throws EngineError naming every one that is missing. */
export function sharedParts(settings: Settings): Parts {
  const { DATABASE_URL, TEMPORAL_ADDRESS, NANGO_ENCRYPTION_KEY } = settings;
  if (DATABASE_URL === undefined || TEMPORAL_ADDRESS === undefined || NANGO_ENCRYPTION_KEY === undefined) {
    const needed = { DATABASE_URL, TEMPORAL_ADDRESS, NANGO_ENCRYPTION_KEY };
    const missing = Object.entries(needed).flatMap(([name, value]) => (value === undefined ? [name] : []));
    throw new EngineError(
      'configuration_invalid',
      `${missing.join(', ')} not set: processes that run apart share a Postgres, a Temporal server and a key. For one machine use 'npm start'`,
    );
  }
  return {
    databaseUrl: DATABASE_URL,
    encryptionKey: NANGO_ENCRYPTION_KEY,
    temporal: {
      address: TEMPORAL_ADDRESS,
      namespace: settings.TEMPORAL_NAMESPACE,
      certFile: settings.TEMPORAL_TLS_CERT,
      keyFile: settings.TEMPORAL_TLS_KEY,
      caFile: settings.TEMPORAL_TLS_CA,
      apiKey: settings.TEMPORAL_API_KEY,
    },
    uiUrl: settings.TEMPORAL_UI_URL,
    startsTemporal: false,
  };
}
