/** Projects of each era (test/fixtures): every script of them saves, answers, logs and fails in a dry run as it does deployed. */
import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from '@jest/globals';
import { readDeclarations } from '../../cli/declared.ts';
import { findProject } from '../../cli/project.ts';
import { call } from '../../platform/example.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { type RunJson, runSync, usePlatform } from '../support/platform.ts';
import { type UpstreamAnswer, type UpstreamRequest, useUpstream } from '../support/upstream.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
const upstream = useUpstream();
const folders = useFolders();
const platform = usePlatform({ NANGO_PROVIDERS_FILE: `${FIXTURES}api/providers.yaml` });
const CONNECTION = 'acme';
const SLOW = 240_000;

type Era = {
  readonly folder: string;
  /** The records of each sync: how many of each model. */
  readonly syncs: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** For each action inputs it takes, and such that it fails for. */
  readonly actions: Readonly<Record<string, { readonly good: readonly unknown[]; readonly bad: readonly unknown[] }>>;
};

const ERAS: readonly Era[] = [
  {
    folder: 'old-style',
    syncs: { 'tracker-issues': { Issue: 4, Label: 4 }, contacts: { Contact: 3 } },
    actions: {
      'chat-alert': { good: [{ channel: 'a', text: 'b' }, { channel: 'c' }], bad: [{ channel: 'refused' }] },
      lookup: { good: [{ email: 'ada' }, { email: 'nobody' }], bad: [{ email: 'broken' }] },
    },
  },
  {
    folder: 'v2-style',
    syncs: { tickets: { Ticket: 3 } },
    actions: { 'close-tickets': { good: [['T-1', 'T-2']], bad: [['T-1', 'T-9'], ['x'], []] } },
  },
  {
    folder: 'zero-style',
    syncs: { people: { Person: 3, Guest: 2 } },
    actions: {
      rename: {
        good: [{ id: '7', name: 'Ada & Co' }],
        bad: [
          { id: '7', name: '' },
          { id: 'gone', name: 'x' },
        ],
      },
    },
  },
];

const issue = (number: number) => ({
  ...{ number, key: `K-${number}`, title: `Issue ${number}`, closed: number % 2 === 0 },
  ...{ closed_at: number % 2 === 0 ? '2026-01-02T00:00:00Z' : null, created_at: '2026-01-01T00:00:00Z' },
  ...{ user: { login: 'ada' }, labels: [{ id: `l${number}`, name: 'L\u0000' }] },
});
const person = (id: number) => ({ id, first: 'Ada', last: `of ${id}`, emails: ['a@x'], phones: { work: '1' } });
const ticket = (n: number) => ({
  key: `T-${n}`,
  fields: { subject: ` s${n} `, state: String(n), owner: n === 1 ? null : { first: 'A', last: 'B' }, tags: 'x,y' },
  opened: 1_700_000_000 + n,
});
const guest = (id: number) => ({ id, name: `P${id}`, mail: id % 2 === 0 ? null : 'm', more: true });

/** The APIs that the fixtures are written for, as pages of a fixed list. */
const ROUTES: readonly (readonly [RegExp, (request: UpstreamRequest) => UpstreamAnswer])[] = [
  [/^\/sites\?/, () => ({ json: { data: [{ id: 1 }, { id: 2 }] } })],
  [/^\/sites\/2\/issues/, () => ({ json: { data: [] } })],
  [/^\/sites\/1\/issues.*offset=2/, () => ({ json: { data: [3, 4].map(issue) } })],
  [/^\/sites\/1\/issues/, () => ({ json: { data: [1, 2].map(issue), next_page: { offset: 2 } } })],
  [/^\/lists\/l%201\/contacts.*after=c/, () => ({ json: { data: [person(3)], meta: {} } })],
  [/^\/lists\/l%201\/contacts/, () => ({ json: { data: [1, 2].map(person), meta: { next: 'c' } } })],
  [/^\/gone/, () => ({ json: { ids: [] } })],
  [/^\/contacts\?email=ada/, () => ({ json: [person(9)], headers: { date: 'Mon, 01 Jun 2026 10:00:00 GMT' } })],
  [/^\/contacts\?email=nobody/, () => ({ json: [], headers: { date: 'Mon, 01 Jun 2026 10:00:00 GMT' } })],
  [/^\/contacts/, () => ({ status: 400, json: { error: 'broken' } })],
  [/^\/chat\/post/, ({ body }) => (body.includes('refused') ? { status: 403, json: { ok: false } } : posted(body))],
  [/^\/projects\/l%201\/tickets.*page=2/, () => ({ json: { tickets: [ticket(3)], links: {} } })],
  [
    /^\/projects\/l%201\/tickets/,
    () => ({ json: { tickets: [1, 2].map(ticket), links: { next: '/projects/l%201/tickets?page=2' } } }),
  ],
  [/^\/tickets\/gone/, () => ({ json: { gone: ['T-404'] } })],
  [/^\/tickets\/T-9/, () => ({ json: { locked: true } })],
  [/^\/tickets\//, ({ url }) => ({ json: { id: url.split('/')[2] } })],
  [/^\/people\?.*page=1/, () => ({ json: { people: [1, 100].map(guest) } })],
  [/^\/people\?.*page=2/, () => ({ json: { people: [2, 101].map(guest) } })],
  [/^\/people\?/, () => ({ json: { people: [guest(3)] } })],
  [/^\/people\/gone/, () => ({ status: 404, json: { error: 'gone' } })],
  [/^\/people\//, ({ body }) => ({ json: { name: String(body) }, headers: { 'x-served-by': 'one' } })],
];

function posted(body: Buffer): UpstreamAnswer {
  return { json: { ok: true, ts: `${body.length}.1` } };
}

let taken = 0;

beforeEach(() => {
  taken = 0;
  upstream.handleWith((request) => {
    const route = ROUTES.find(([path]) => path.test(request.url));
    return route === undefined ? { status: 500, json: { unknown: request.url } } : route[1](request);
  });
});

test('every project of scripts among the fixtures is of an era that is compared here', async () => {
  for (const { folder, syncs, actions } of ERAS) {
    const project = findProject(`${FIXTURES}${folder}`);
    if (project === undefined) throw new Error(`'${folder}' is no project`);
    const { scripts } = await readDeclarations(project);
    expect(scripts.map(({ name }) => name).sort()).toEqual(Object.keys({ ...syncs, ...actions }).sort());
  }
});

test.each(ERAS)(
  'U087: the scripts of $folder do the same in a dry run and deployed',
  async ({ folder, syncs, actions }) => {
    const cwd = await folders.create();
    await cp(`${FIXTURES}${folder}`, cwd, { recursive: true });
    const project = findProject(cwd);
    const { scripts } = await readDeclarations(project ?? { folder: cwd, form: 'yaml' });
    const integrationOf = (name: string) => scripts.find((script) => script.name === name)?.integration ?? '';
    for (const integration of new Set(scripts.map((script) => script.integration))) await connect(integration);
    const env = { NANGO_HOSTPORT: platform.caller.apiUrl, NANGO_SECRET_KEY_DEV: platform.caller.key };
    const nango = (...argv: readonly string[]) => runCli(argv, { cwd, env });

    const foretold = new Map<string, Did>();
    for (const [name, models] of Object.entries(syncs)) {
      const { code, stdout, stderr } = await nango('dryrun', name, CONNECTION, '--json');
      expect({ name, code }).toEqual({ name, code: 0 });
      const found = Object.entries(JSON.parse(stdout).models as Record<string, DryModel>);
      expect(Object.fromEntries(found.map(([model, { saved }]) => [model, saved.length]))).toEqual(models);
      const did = found.map(([model, { counts, saved }]) => [model, { counts, saved: byId(saved) }]);
      foretold.set(name, { models: masked(Object.fromEntries(did)), logs: said(stderr), requests: takeRequests() });
    }
    const deploy = await nango('deploy', 'dev', '--auto-confirm', '--allow-destructive');
    expect({ folder, code: deploy.code }).toEqual({ folder, code: 0 });
    for (const name of Object.keys(syncs)) {
      const integration = integrationOf(name);
      // The run that the deployment started counts, where it started one.
      const run = await firstRun(integration, name);
      expect(run).toMatchObject({ state: 'success', error: null });
      const did = { models: await storedModels(run, integration), logs: logsOf(run), requests: takeRequests() };
      expect({ name, ...did }).toEqual({ name, ...foretold.get(name) });
    }

    for (const [name, { good, bad }] of Object.entries(actions)) {
      for (const input of [...good, ...bad]) {
        const dryRun = await nango('dryrun', name, CONNECTION, '--input', JSON.stringify(input));
        const drySent = takeRequests();
        const answer = await trigger(integrationOf(name), name, input);
        const sent = takeRequests();
        const run = await newestRun(integrationOf(name), name);
        const isBad = bad.includes(input);
        expect({ name, input, code: dryRun.code, state: run.state }).toEqual({
          ...{ name, input },
          ...(isBad ? { code: 12, state: 'failed' } : { code: 0, state: 'success' }),
        });
        expect({ name, input, sent: drySent }).toEqual({ name, input, sent });
        if (isBad) {
          const { code, message, location } = run.error ?? { code: '', message: '' };
          const at = location === undefined ? '' : `${location.file}:${location.line}:${location.column}: `;
          expect(dryRun.stderr).toContain(`${at}${message}`);
          expect(dryRun.stderr).toContain(`(${code})`);
        } else expect(masked(JSON.parse(dryRun.stdout))).toEqual(masked(answer.body));
        expect({ name, input, logs: said(dryRun.stderr) }).toEqual({ name, input, logs: logsOf(run) });
      }
    }
  },
  SLOW,
);

type Row = Readonly<Record<string, unknown>> & { readonly id: string | number };
type DryModel = { readonly saved: readonly Row[]; readonly counts: RunJson['counts'][string] };
type Did = { readonly models: unknown; readonly logs: readonly string[]; readonly requests: readonly string[] };

async function connect(integration: string): Promise<void> {
  const body = { unique_key: integration, provider: 'tracker' };
  await call(platform.caller, 'POST', '/integrations', body, [409]);
  await call(platform.caller, 'POST', '/connections', {
    provider_config_key: integration,
    connection_id: CONNECTION,
    credentials: { type: 'API_KEY', apiKey: 'upstream-key' },
    connection_config: { baseUrl: upstream.url, team: 'blue' },
    metadata: { listId: 'l 1', project: 'l 1' },
  });
}

/** What reached the API since the last look: method, path, body. */
function takeRequests(): string[] {
  const since = upstream.requests.slice(taken);
  taken = upstream.requests.length;
  return since.map(({ method, url, body }) => `${method} ${url} ${body}`);
}

const byId = (rows: readonly Row[]): Row[] =>
  [...rows].sort((one, other) => (String(one.id) < String(other.id) ? -1 : 1));

/** A time of the run and an id of its own making differ from run to run. */
function masked<Value>(value: Value): Value {
  const text = JSON.stringify(value)
    .replace(/"seen":"[^"]+"/g, '"seen":"<now>"')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>');
  return JSON.parse(text) as Value;
}

/** The lines of a dry run without those that only it has. */
function said(stderr: string): string[] {
  const lines = stderr.split('\n').filter((line) => /^(debug|info|warn|error) /.test(line));
  return masked(lines.filter((line) => !line.startsWith('info dry run: ')));
}
const logsOf = ({ logs }: RunJson): string[] => masked(logs.map(({ level, message }) => `${level} ${message}`));

async function newestRun(integration: string, name: string): Promise<RunJson> {
  const path = `/runs?name=${name}&provider_config_key=${integration}`;
  const { runs } = await call<{ runs: RunJson[] }>(platform.caller, 'GET', path);
  return call<RunJson>(platform.caller, 'GET', `/runs/${runs[0]?.id}`);
}

async function firstRun(integration: string, name: string): Promise<RunJson> {
  const path = `/runs?name=${name}&provider_config_key=${integration}`;
  const { runs } = await call<{ runs: RunJson[] }>(platform.caller, 'GET', path);
  const [started] = runs;
  if (started === undefined) return runSync(platform, { integration, connection: CONNECTION, name });
  await platform.event(({ event, fields }) => event === 'run.ended' && fields['run'] === started.id);
  return call<RunJson>(platform.caller, 'GET', `/runs/${started.id}`);
}

async function storedModels(run: RunJson, integration: string): Promise<unknown> {
  const entries: [string, unknown][] = [];
  for (const [model, counts] of Object.entries(run.counts)) {
    const headers = { 'provider-config-key': integration, 'connection-id': CONNECTION };
    const path = `/records?model=${model}`;
    const { records } = await call<{ records: Row[] }>(platform.caller, 'GET', path, undefined, [], headers);
    const { added, updated, deleted } = counts;
    const saved = records.map(({ _nango_metadata: _, ...row }) => row as Row);
    entries.push([model, { counts: { added, updated, deleted }, saved: byId(saved) }]);
  }
  return masked(Object.fromEntries(entries));
}

async function trigger(integration: string, name: string, input: unknown) {
  const response = await fetch(`${platform.caller.apiUrl}/action/trigger`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${platform.caller.key}`,
      'content-type': 'application/json',
      'provider-config-key': integration,
      'connection-id': CONNECTION,
    },
    body: JSON.stringify({ action_name: name, input }),
  });
  return { status: response.status, body: await response.json() };
}
