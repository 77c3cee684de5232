import { call, type Caller, createConnection, createIntegration } from '../../platform/example.ts';
import type { Closing } from '../../runtime/closing.ts';
import { createApiKey, ensureEnvironment } from '../../store/environments.ts';
import { deployScripts } from '../../test/support/deploy-scripts.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { openOwnTheatre } from '../chaos/own-theatre.ts';
import { endedRun, PROVIDERS, trigger } from '../chaos/theatre.ts';
import { eachOf } from '../each-of.ts';
import { median } from '../load.ts';

const INTEGRATION = 'crowd';
/** Of the crowd, so that it holds every slot for minutes; and of the one. */
const [CROWD_MS, SINGLE_MS] = [20_000, 200];
const syncOf = (upstreamMs: number): string => `
export default async function fetchData(nango: any) {
  const { data } = await nango.get({ endpoint: '/pages/1', params: { slow: ${upstreamMs} } });
  await nango.batchSave(data.rows, 'Task');
}`;
const ACTION = 'export default async function runAction() { return { ok: true }; }';
const ROUNDS = 10;
const WITHIN_MS = 600_000;
const ENDED = `('success', 'failed', 'cancelled', 'skipped')`;

/**
 * All syncs of one environment at once on one worker with its default slots, and what a single sync and a single action of
 * another environment take meanwhile, beside the same when nobody else wants anything.
 */
export async function benchFairness(closing: Closing, { syncs, say }: BenchOptions): Promise<Figures> {
  const theatre = await openOwnTheatre(closing, { workers: 1 });
  const { db } = theatre.engine;
  const { id } = await ensureEnvironment(db, 'prod', new Date());
  const many = theatre.caller;
  const single = { apiUrl: many.apiUrl, key: await createApiKey(db, id, new Date()) };
  for (const caller of [many, single]) {
    await createIntegration(caller, INTEGRATION, PROVIDERS.plain);
    const names = Array.from({ length: caller === many ? syncs : 1 }, (_, at) => `member-${at}`);
    await eachOf(names, 8, (name) => createConnection(caller, INTEGRATION, name));
    await deployScripts(caller, INTEGRATION, [
      { name: 'reading', source: syncOf(caller === many ? CROWD_MS : SINGLE_MS) },
      { name: 'quick', type: 'action', source: ACTION },
    ]);
  }
  await measure(single);
  const alone = [];
  for (let round = 0; round < ROUNDS; round += 1) alone.push(await measure(single));

  const open = async (): Promise<number> => {
    const text = `select count(*)::int as left from runs where environment_id <> $1::bigint and state not in ${ENDED}`;
    return (await db.query<{ left: number }>(text, [id])).rows[0]?.left ?? 0;
  };
  const begun = performance.now();
  let triggeredS: number | undefined;
  const triggering = call(many, 'POST', '/sync/trigger', { syncs: ['reading'], provider_config_key: INTEGRATION }).then(
    () => (triggeredS = (performance.now() - begun) / 1000),
  );
  const beside = [];
  for (let left = await open(); left > 0 || triggeredS === undefined; left = await open()) {
    const taken = await measure(single);
    beside.push(taken);
    say(`${left} are left of ${syncs}: sync ${taken.syncMs.toFixed(0)} ms, action ${taken.actionMs.toFixed(0)} ms`);
  }
  await triggering;
  const drainedS = (performance.now() - begun) / 1000;
  const of = (list: readonly Taken[], pick: (taken: Taken) => number): readonly number[] => list.map(pick);
  const [ofSync, ofAction] = [({ syncMs }: Taken) => syncMs, ({ actionMs }: Taken) => actionMs];
  return {
    syncs,
    triggered_s: triggeredS ?? Number.NaN,
    drained_s: drainedS,
    samples: beside.length,
    sync_alone_ms: median(of(alone, ofSync)),
    sync_beside_ms: median(of(beside, ofSync)),
    sync_beside_ms_max: Math.max(...of(beside, ofSync)),
    action_alone_ms: median(of(alone, ofAction)),
    action_beside_ms: median(of(beside, ofAction)),
    action_beside_ms_max: Math.max(...of(beside, ofAction)),
  };
}

type Taken = { readonly syncMs: number; readonly actionMs: number };

/** The sync of the environment's one connection from its trigger to its end, and then an action. */
async function measure(caller: Caller): Promise<Taken> {
  const of = { integration: INTEGRATION, connection: 'member-0', name: 'reading' };
  const begun = performance.now();
  const { state, id } = await endedRun({ caller }, await trigger({ caller }, of), WITHIN_MS);
  if (state !== 'success') throw new Error(`Run ${id} ended as ${state}`);
  const ran = performance.now();
  const headers = { 'provider-config-key': INTEGRATION, 'connection-id': of.connection };
  await call(caller, 'POST', '/action/trigger', { action_name: 'quick' }, [], headers);
  return { syncMs: ran - begun, actionMs: performance.now() - ran };
}
