import { refreshIdle } from './proxies.ts';

/** Keeps the grants of connections that nobody uses: a refresh token that is not used for long ends at many providers. */
export async function refreshIdleWorkflow(): Promise<void> {
  for (let afterId: string | null = '0'; afterId !== null; ) afterId = (await refreshIdle({ afterId })).nextAfterId;
}
