/** For each seed a script, which runs once undisturbed and once under blows, on two connections that are new to it. */
import { call } from '../../platform/example.ts';
import { planBlows, strike } from './blows.ts';
import { judge, type Verdict } from './judge.ts';
import { type ChaosScript, MODELS, randomScript } from './script.ts';
import { connect, endedRun, PROVIDERS, type Theatre, trigger, untilAnswered } from './theatre.ts';
import type { Blow, RecordRow, Run, Trace } from './trace.ts';

export type Trial = {
  readonly script: ChaosScript;
  /** Those that fell while the run was under way, meant for it or for another. */
  readonly blows: readonly Blow[];
  readonly verdict: Verdict;
  /** Source, requests and blows in order: to see what happened to a seed that went wrong. */
  readonly story: string;
};

type Rehearsed = { readonly script: ChaosScript; readonly calm: Trace };

const NAME = 'random';
const REHEARSALS_AT_ONCE = 6;
const CALM_WITHIN_MS = 120_000;
const STRUCK_WITHIN_MS = 300_000;
/** A worker's death takes its time, so runs share it; each then feels the blows meant for the others. */
const HARD_AT_ONCE = 5;

/**
 * Runs each seed both ways; first all undisturbed, since a blow strikes whatever its worker runs. Every tenth seed loses
 * workers, the others script processes and connections to Postgres, one run at a time.
 */
export async function runTrials(
  theatre: Theatre,
  seeds: readonly number[],
  done: (trial: Trial) => void = () => undefined,
): Promise<readonly Trial[]> {
  const rehearsed = await eachOf(seeds, REHEARSALS_AT_ONCE, (seed) => rehearse(theatre, randomScript(seed)));
  const perform = async (one: Rehearsed): Promise<Trial> => {
    const trial = await disturb(theatre, one);
    done(trial);
    return trial;
  };
  const [hard, soft] = [true, false].map((isHard) => rehearsed.filter(({ script }) => script.isHard === isHard));
  return [...(await eachOf(soft ?? [], 1, perform)), ...(await eachOf(hard ?? [], HARD_AT_ONCE, perform))];
}

async function rehearse(theatre: Theatre, script: ChaosScript): Promise<Rehearsed> {
  const { caller } = theatre;
  const integration = integrationOf(script);
  const provider = script.isKeyed ? PROVIDERS.keyed : PROVIDERS.plain;
  await call(caller, 'POST', '/integrations', { unique_key: integration, provider });
  for (const role of ['quiet', 'struck'] as const) await connect(theatre, integration, connectionOf(script, role));
  await theatre.deploy(integration, { name: NAME, source: script.source, models: MODELS });
  const runId = await begin(theatre, script, 'quiet');
  return { script, calm: await traceOf(theatre, script, 'quiet', await endedRun(theatre, runId, CALM_WITHIN_MS)) };
}

async function disturb(theatre: Theatre, { script, calm }: Rehearsed): Promise<Trial> {
  const connection = connectionOf(script, 'struck');
  let runId = '';
  strike(theatre, { connection, id: () => runId }, planBlows(script));
  const begunAt = performance.now();
  runId = await begin(theatre, script, 'struck');
  const chaos = await traceOf(theatre, script, 'struck', await endedRun(theatre, runId, STRUCK_WITHIN_MS));
  const blows = theatre.blows.filter(({ at }) => at > begunAt && at < chaos.endedAt);
  return { script, blows, verdict: judge(script, calm, chaos, blows), story: storyOf(script, chaos, blows, begunAt) };
}

function storyOf({ source }: ChaosScript, { asked }: Trace, blows: readonly Blow[], begunAt: number): string {
  const ms = (at: number | undefined): string => (at === undefined ? 'never' : `${Math.round(at - begunAt)} ms`);
  const events = [
    ...asked.map((one) => ({
      at: one.at,
      text: `${one.method} ${one.path}, answered at ${ms(one.answeredAt)} with ${one.status}`,
    })),
    ...blows.map(({ at, kind, during }) => ({
      at,
      text: `BLOW: ${kind}, during ${during.path} of ${during.connection}`,
    })),
  ];
  const lines = events.toSorted((a, b) => a.at - b.at).map(({ at, text }) => `${ms(at).padStart(9)}  ${text}`);
  return `${source}\n${lines.join('\n')}`;
}

type Role = 'quiet' | 'struck';

function integrationOf({ seed }: ChaosScript): string {
  return `seed-${seed}`;
}

function connectionOf(script: ChaosScript, role: Role): string {
  return `${integrationOf(script)}-${role}`;
}

function begin(theatre: Theatre, script: ChaosScript, role: Role): Promise<string> {
  const [integration, connection] = [integrationOf(script), connectionOf(script, role)];
  return trigger(theatre, { integration, connection, name: NAME });
}

/** Works off a list with so many at once; answers in the list's order. */
async function eachOf<From, To>(
  list: readonly From[],
  atOnce: number,
  work: (one: From) => Promise<To>,
): Promise<To[]> {
  const done = new Map<From, To>();
  const left = [...list];
  const workOff = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) done.set(one, await work(one));
  };
  await Promise.all(Array.from({ length: atOnce }, workOff));
  return list.flatMap((one) => done.get(one) ?? []);
}

async function traceOf(
  { caller, engine, upstream }: Theatre,
  script: ChaosScript,
  role: Role,
  run: Run,
): Promise<Trace> {
  const endedAt = performance.now();
  const connection = connectionOf(script, role);
  const of = { 'provider-config-key': integrationOf(script), 'connection-id': connection };
  const recordsOf = async (model: string): Promise<readonly RecordRow[]> => {
    const path = `/records?model=${model}&limit=1000`;
    const { records } = await untilAnswered(() =>
      call<{ records: RecordRow[] }>(caller, 'GET', path, undefined, [], of),
    );
    return records.map(withoutTimes).sort((a, b) => a.id.localeCompare(b.id));
  };
  const { rows } = await untilAnswered(() =>
    engine.db.query<{ checkpoint: unknown; metadata: unknown; journalRows: number }>(
      `select c.metadata,
       (select p.value from checkpoints p where p.connection_id = c.id and p.name = $2::text) as checkpoint,
       (select count(*)::int from journal_chunks j where j.run_id = $3::text) +
         (select count(*)::int from journal_calls j where j.run_id = $3::text) as "journalRows"
     from connections c
     where c.connection_id = $1::text`,
      [connection, NAME, run.id],
    ),
  );
  const { checkpoint = null, metadata = null, journalRows = 0 } = rows[0] ?? {};
  const [tasks, draws] = [await recordsOf('Task'), await recordsOf('Draw')];
  return { run, tasks, draws, checkpoint, metadata, journalRows, asked: upstream.askedBy(connection), endedAt };
}

/** A record with what was done to it, without when. */
function withoutTimes({ _nango_metadata: metadata, ...record }: RecordRow): RecordRow {
  const { last_action: action } = metadata as { last_action: string };
  return { ...record, action } as RecordRow;
}
