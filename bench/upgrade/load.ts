/** What users do all the time, by whichever APIs the load balancer has at the moment. */
import { randomUUID } from 'node:crypto';
import { type Caller, call } from '../../platform/example.ts';

export type Balancer = {
  /** The next of the APIs that take calls. */
  readonly next: () => Caller;
  readonly use: (...apiUrls: readonly string[]) => void;
};

export function createBalancer(key: string): Balancer {
  let urls: readonly string[] = [];
  let turn = 0;
  return {
    next: () => {
      turn += 1;
      return { apiUrl: urls[turn % urls.length] ?? '', key };
    },
    use: (...apiUrls) => {
      urls = apiUrls;
    },
  };
}

export type Worked = { readonly done: number; readonly wrong: readonly string[] };

/** Does it again and again, so many at once, until it is told to stop; `work` throws where an answer is wrong. */
export function again(atOnce: number, work: (at: number) => Promise<void>): { readonly stop: () => Promise<Worked> } {
  let [isOver, done] = [false, 0];
  const wrong: string[] = [];
  const one = async (_: unknown, at: number): Promise<void> => {
    while (!isOver) {
      await work(at).catch((error: unknown) => wrong.push(String(error)));
      done += 1;
    }
  };
  const all = Promise.all(Array.from({ length: atOnce }, one));
  return {
    stop: async () => {
      isOver = true;
      await all;
      return { done, wrong };
    },
  };
}

export type Named = { readonly integration: string; readonly connection: string };

/** Calls the action once, without a second try: behind a balancer an upgrade costs no answer. */
export async function callAction({ next }: Balancer, { integration, connection }: Named): Promise<void> {
  const input = { text: randomUUID() };
  const headers = { 'provider-config-key': integration, 'connection-id': connection };
  const body = { action_name: 'post', input };
  const given = await call<unknown>(next(), 'POST', '/action/trigger', body, [], headers);
  if (JSON.stringify(given) !== JSON.stringify(input)) throw new Error(`The action answered ${JSON.stringify(given)}`);
}

/** Triggers the sync and waits until that run has ended, asking the APIs in turn. */
export async function runOnce({ next }: Balancer, { integration, connection }: Named): Promise<void> {
  const body = { syncs: ['items'], provider_config_key: integration, connection_id: connection };
  const { runs } = await call<{ runs: { run_id: string }[] }>(next(), 'POST', '/sync/trigger', body);
  const id = runs[0]?.run_id;
  for (;;) {
    const { state } = await call<{ state: string }>(next(), 'GET', `/runs/${id}`);
    if (state === 'success') return;
    if (!['queued', 'running', 'waiting'].includes(state)) throw new Error(`Run ${id} ended as ${state}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
