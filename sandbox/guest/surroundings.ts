/** Members of `nango` about what is around a script: its integration, variables, locks, other scripts, the internet. */
import type { IntegrationView } from '../../contract/host.ts';
import type { GuestContext } from '../../contract/script.ts';
import { hostCall } from './calls.ts';
import { uncontrolledFetch } from './fetch.ts';
import { setLogLevel } from './log.ts';

type Options = Readonly<Record<string, unknown>>;

/** The members, as closures over what the script knows of itself. */
export function surroundings(context: GuestContext): object {
  return {
    getIntegration: async (options?: Options) =>
      (await hostCall('getIntegration', { include: listOf(options?.['include']) })).value,
    getEnvironmentVariables: async () => (await hostCall('getEnvironmentVariables', {})).value,
    // Nothing in a project says them, so none are ever stored.
    getFlowAttributes: () => null,
    getWebhookURL: async () => {
      const { value } = await hostCall('getIntegration', { include: ['webhook'] });
      return (value as IntegrationView).webhook_url ?? null;
    },
    setLogger: (options: Options) => setLogLevel(String(options?.['level'])),
    uncontrolledFetch,
    ...locks,
    ...triggers(context),
  };
}

const LONGEST_LOCK_MS = 7 * 86_400_000;

const locks = {
  tryAcquireLock: async (lock: Options): Promise<unknown> => {
    const ttlMs = Number(lock?.['ttlMs']);
    if (!(ttlMs > 0 && ttlMs <= LONGEST_LOCK_MS)) {
      throw new TypeError('nango.tryAcquireLock: ttlMs is expected, in milliseconds, of a week at most.');
    }
    return (await hostCall('acquireLock', { key: keyOf(lock), ttlMs: Math.ceil(ttlMs) })).value;
  },
  releaseLock: async (lock: Options): Promise<unknown> => (await hostCall('releaseLock', { key: keyOf(lock) })).value,
  releaseAllLocks: async (): Promise<void> => {
    await hostCall('releaseLock', { key: null });
  },
};

function triggers(context: GuestContext): object {
  const own = { providerConfigKey: context.providerConfigKey, connectionId: context.connectionId };
  const address = (key: unknown, id: unknown) => ({
    providerConfigKey: key === undefined || key === null ? own.providerConfigKey : String(key),
    connectionId: id === undefined || id === null ? own.connectionId : String(id),
  });
  return {
    triggerAction: async (key: unknown, id: unknown, action: unknown, input?: unknown) => {
      const body = input === undefined ? undefined : JSON.stringify(input);
      const answer = await hostCall('triggerAction', { ...address(key, id), action: String(action) }, body);
      return typeof answer.body === 'string' ? JSON.parse(answer.body) : undefined;
    },
    triggerSync: async (key: unknown, id: unknown, sync: unknown, options?: unknown) => {
      await hostCall('triggerSync', { ...address(key, id), ...syncName(sync), ...modeOf(options) });
    },
    startSync: async (key: unknown, syncs: unknown, id?: unknown) => {
      const names = (Array.isArray(syncs) ? syncs : [syncs]).map((sync) => syncName(sync).name);
      const { providerConfigKey } = address(key, undefined);
      await hostCall('startSync', { providerConfigKey, names, ...(id ? { connectionId: String(id) } : {}) });
    },
  };
}

function syncName(sync: unknown): { name: string; variant: string } {
  if (typeof sync !== 'object' || sync === null) return { name: String(sync), variant: 'base' };
  const { name, variant = 'base' } = sync as { name?: unknown; variant?: unknown };
  return { name: String(name), variant: String(variant) };
}

/** `{ reset, emptyCache }`, or an old mode as a text or a boolean. */
function modeOf(options: unknown): { reset: boolean; emptyCache: boolean } {
  if (typeof options === 'object' && options !== null) {
    const { reset, emptyCache } = options as { reset?: unknown; emptyCache?: unknown };
    return { reset: reset === true, emptyCache: emptyCache === true };
  }
  const reset = options === true || options === 'full_refresh' || options === 'full_refresh_and_clear_cache';
  return { reset, emptyCache: options === 'full_refresh_and_clear_cache' };
}

function keyOf(lock: Options): string {
  const key = lock?.['key'];
  if (typeof key === 'string' && key.length > 0 && key.length <= 255 && !key.includes('\0')) return key;
  throw new TypeError("A lock's key is expected to be a text of 1 to 255 characters, none of them NUL.");
}

function listOf(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}
