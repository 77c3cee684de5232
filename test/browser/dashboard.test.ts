import { beforeAll, expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { accessibilityFaults, browserTest, faultsInEachLook, settled, useBrowser } from '../support/browser.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const platform = usePlatform({ DASHBOARD_USERNAME: 'ada', DASHBOARD_PASSWORD: 'lovelace' });
const browser = useBrowser();
const upstream = useUpstream(({ url }) => {
  if (url === '/limited') return { status: 429, headers: { 'retry-after': '3600' } };
  if (url === '/hook') return { json: {} };
  return { json: { rows: [{ id: 'odd', title: '<script>document.title = "taken"</script><b>bold</b>' }] } };
});

const at = { integration: 'tracker', connection: 'acme' } as const;
const runs: Record<string, string> = {};

beforeAll(async () => {
  const { caller } = platform;
  await createIntegration(caller, at.integration, 'example-tracker');
  await createConnection(caller, at.integration, at.connection);
  // What the API said to one connection holds all of its runs, so the run that waits has a connection of its own.
  await createConnection(caller, at.integration, 'globex');
  await call(caller, 'PATCH', '/environment/webhooks', { primary_url: `${upstream.url}/hook` });
  const ask = `const ask = (endpoint: string) => nango.get({ endpoint, baseUrlOverride: '${upstream.url}', retries: 3 });`;
  const script = (body: string) => `
export default async function fetchData(nango: any, input?: any) {
  ${ask}
  ${body}
}`;
  await deployScripts(caller, at.integration, [
    {
      name: 'rows',
      source: script(`await nango.batchSave((await ask('/rows')).data.rows, 'Task'); await nango.log('one page');`),
    },
    { name: 'limited', source: script(`await ask('/rows'); await ask('/limited');`) },
    { name: 'broken', source: script(`await ask('/rows');\n  throw new Error('No such project');`) },
    { name: 'look', type: 'action', source: script(`return (await ask('/rows')).data.rows.length;`) },
    {
      name: 'greet',
      type: 'action',
      source: script(`return { greeting: 'Hello ' + input.name + ', ' + input.count };`),
      input: 'Greeting',
      jsonSchema: {
        definitions: {
          Greeting: {
            type: 'object',
            properties: { name: { type: 'string' }, count: { type: 'number' } },
            required: ['name', 'count'],
          },
        },
      },
    },
  ]);
  runs['rows'] = (await runSync(platform, { ...at, name: 'rows' })).id;
  await call(caller, 'POST', '/action/trigger', { action_name: 'look' }, [], {
    'provider-config-key': at.integration,
    'connection-id': at.connection,
  });
  runs['broken'] = (await runSync(platform, { ...at, name: 'broken' })).id;
  runs['limited'] = await triggerSync(platform, { ...at, connection: 'globex', name: 'limited' });
  await platform.event(({ event, fields }) => event === 'run.waiting' && fields['run'] === runs['limited']);
}, 480_000);

async function signIn(page: Page): Promise<void> {
  await page.goto(platform.caller.apiUrl);
  await page.getByLabel('Secret key').fill(platform.caller.key);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Home of dev' }).waitFor();
}

const rowOf = (page: Page, text: string) => page.getByRole('row').filter({ hasText: text });

browserTest('a wrong key is refused in words, a right one leads to what needs somebody first', async () => {
  const page = await browser.open();
  await page.goto(`${platform.caller.apiUrl}/env/dev/runs?state=failed`);
  await page.getByLabel('Secret key').fill('11111111-1111-4111-8111-111111111111');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('alert').getByText('No environment has this secret key').waitFor();
  await page.getByLabel('Secret key').fill(platform.caller.key);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  // Where the person wanted to go.
  await page.getByRole('heading', { name: 'Runs' }).waitFor();
  await rowOf(page, 'broken').waitFor();
  expect(await rowOf(page, 'limited').count()).toBe(0);
  await page.getByRole('link', { name: 'Home', exact: true }).click();
  const trouble = page.getByRole('region', { name: 'Waiting and failing' });
  await trouble.getByText('GET /limited was answered with 429').waitFor();
  await trouble.getByText('No such project').waitFor();
  const cookies = await page.context().cookies();
  expect(cookies).toMatchObject([{ name: 'nango_dashboard', httpOnly: true, sameSite: 'Strict' }]);
});

browserTest('a sync is paused, started and triggered, and the screen follows its run by itself', async () => {
  const page = await browser.open();
  await signIn(page);
  await page.getByRole('link', { name: 'Connections', exact: true }).click();
  await page.getByRole('link', { name: 'acme' }).click();
  const row = rowOf(page, 'every 1h').filter({ hasText: 'rows' });
  await row.getByRole('button', { name: 'Start rows' }).click();
  await page.getByText('rows goes on').waitFor();
  await row.getByText('success').waitFor();
  await row.getByText('1 Task').waitFor();
  await row.getByText(/in \d+ (min|hour)/).waitFor();
  await row.getByRole('button', { name: 'Pause rows' }).click();
  await page.getByText('rows is paused').waitFor();
  await row.getByText('paused').waitFor();
  await row.getByRole('button', { name: 'Trigger rows' }).click();
  await page.getByText('rows was started').waitFor();
  await page.getByRole('status').getByText('Live').waitFor();
  await page.getByRole('link', { name: 'Runs', exact: true }).click();
  await rowOf(page, 'rows').first().waitFor();
  const before = await rowOf(page, 'rows').count();
  // Not by this page: it hears of it.
  await runSync(platform, { ...at, name: 'rows' });
  await rowOf(page, 'rows').nth(before).waitFor();
});

browserTest('a sync that fails too often to run each time says so', async () => {
  await platform.engine.db.query(
    `update syncs y set failures = 7, backs_off_until = now() + interval '1 day'
     from scripts s where s.id = y.script_id and s.name = 'broken'`,
  );
  const page = await browser.open();
  await signIn(page);
  await page.goto(`${platform.caller.apiUrl}/env/dev/connections/tracker/acme`);
  await rowOf(page, 'broken').getByText('less often after 7 failures in a row').waitFor();
});

/** Every screen: its name, its route, where it is, and what it shows once it is whole. */
const SCREENS: readonly (readonly [string, string, () => string, string])[] = [
  ['home', '/env/$env/', () => '/env/dev', 'Runs by outcome'],
  ['integrations', '/env/$env/integrations', () => '/env/dev/integrations', 'tracker'],
  ['integration', '/env/$env/integrations/$integration', () => '/env/dev/integrations/tracker', 'greet'],
  ['connections', '/env/$env/connections', () => '/env/dev/connections', 'acme'],
  [
    'connection',
    '/env/$env/connections/$integration/$connection',
    () => '/env/dev/connections/tracker/acme',
    'limited',
  ],
  ['runs', '/env/$env/runs', () => '/env/dev/runs', 'limited'],
  ['run', '/env/$env/runs/$run', () => `/env/dev/runs/${runs['rows']}`, 'batchSave Task, 1 row'],
  ['run failed', '/env/$env/runs/$run', () => `/env/dev/runs/${runs['broken']}`, 'broken.ts, line 5'],
  [
    'run waiting',
    '/env/$env/runs/$run',
    () => `/env/dev/runs/${runs['limited']}`,
    'Waits: GET /limited was answered with 429',
  ],
  ['logs', '/env/$env/logs', () => '/env/dev/logs', 'auth create connection'],
  ['operation', '/env/$env/logs/$operation', () => `/env/dev/logs/${runs['rows']}`, 'one page'],
  ['webhooks', '/env/$env/webhooks', () => '/env/dev/webhooks', 'answered 200'],
  ['settings', '/env/$env/settings', () => '/env/dev/settings', 'New signing key'],
  ['empty home', '/env/$env/', () => '/env/prod', 'Create your first integration'],
  ['empty integrations', '/env/$env/integrations', () => '/env/prod/integrations', 'nango providers'],
  ['empty connections', '/env/$env/connections', () => '/env/prod/connections', 'connect/sessions'],
  ['empty runs', '/env/$env/runs', () => '/env/prod/runs', 'nango deploy'],
  ['empty logs', '/env/$env/logs', () => '/env/prod/logs', 'Nothing has happened yet'],
  ['empty webhooks', '/env/$env/webhooks', () => '/env/prod/webhooks', 'Nothing was sent yet'],
];

browserTest(
  'every screen that the router knows is whole and open to everybody, at three widths, in light and dark',
  async () => {
    const page = await browser.open({ viewport: { width: 1440, height: 900 } });
    await page.goto(`${platform.caller.apiUrl}/sign-in`);
    await page.getByLabel('User name').fill('ada');
    await page.getByLabel('Password', { exact: true }).fill('lovelace');
    const faults = [...(await faultsInEachLook(page, 'sign-in'))];
    // What leads elsewhere, and the frame around the screens, show nothing by themselves.
    const shown = new Set(['/', '/sign-in', '/env/$env', ...SCREENS.map(([, route]) => route)]);
    const known = await page.evaluate<string[]>('Object.keys(__TSR_ROUTER__.routesById)');
    expect(known.filter((route) => route !== '__root__').sort()).toEqual([...shown].sort());
    await page.getByRole('button', { name: 'Sign in as operator' }).click();
    await page.getByRole('heading', { name: 'Home of dev' }).waitFor();
    for (const [name, , path, text] of SCREENS) {
      await page.goto(platform.caller.apiUrl + path());
      await settled(page);
      await page.getByRole('main').getByText(text).first().waitFor();
      faults.push(...(await faultsInEachLook(page, name)));
    }
    expect(faults).toEqual([]);
  },
  480_000,
);

browserTest(
  'a run that succeeded shows what it called and how long each call took, though its journal is gone',
  async () => {
    const { rows } = await platform.engine.db.query('select from journal_chunks where run_id = $1', [runs['rows']]);
    expect(rows).toEqual([]);
    const page = await browser.open();
    await signIn(page);
    await page.goto(`${platform.caller.apiUrl}/env/dev/runs/${runs['rows']}`);
    const lines = page.getByRole('list').filter({ hasText: 'The script starts' }).getByRole('listitem');
    await lines.filter({ hasText: /GET \/rows.*answered 200 · \d+(\.\d)? (ms|s)/ }).waitFor();
    await lines.filter({ hasText: /batchSave Task, 1 row.*\d+(\.\d)? (ms|s)/ }).waitFor();
    await lines.filter({ hasText: 'one page' }).waitFor();
    await lines.filter({ hasText: 'Ended: success' }).waitFor();
    // An action that only asks ends the short way, which stores nothing but this.
    await page.goto(`${platform.caller.apiUrl}/env/dev/runs?name=look`);
    await page.getByRole('link', { name: 'look' }).click();
    await lines.filter({ hasText: /GET \/rows.*answered 200 · \d+(\.\d)? (ms|s)/ }).waitFor();
  },
);

browserTest('a run that failed names file and line, the command to replay it, and its calls', async () => {
  const page = await browser.open();
  await signIn(page);
  await page.goto(`${platform.caller.apiUrl}/env/dev/runs/${runs['broken']}`);
  await page.getByText('broken.ts, line 5').waitFor();
  await page.getByText(`nango replay ${runs['broken']}`).waitFor();
  const timeline = page.getByRole('list').filter({ hasText: 'The script starts' });
  await timeline.getByText('GET /rows').waitFor();
  await timeline.getByText('Ended: failed').waitFor();
  const link = await page
    .getByRole('main')
    .getByRole('link', { name: /Temporal Web UI/ })
    .getAttribute('href');
  expect(link).toMatch(/\/namespaces\/default\/workflows\/sync/);
});

browserTest('a payload with scripts and HTML in it is shown as text', async () => {
  const page = await browser.open();
  await signIn(page);
  await page.goto(`${platform.caller.apiUrl}/env/dev/connections/tracker/acme`);
  await page.getByRole('tab', { name: 'Records' }).click();
  await page.getByRole('button', { name: 'odd' }).click();
  await page.getByRole('dialog').getByText('<b>bold</b>').waitFor();
  expect(await page.title()).toBe('acme · nango-temporal');
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await page.getByLabel('Last action').selectOption('deleted');
  await page.getByText('No record matches').waitFor();
});

browserTest('an action runs from a form made of its schema', async () => {
  const page = await browser.open();
  await signIn(page);
  await page.goto(`${platform.caller.apiUrl}/env/dev/integrations/tracker`);
  await page.getByRole('button', { name: /greet/ }).click();
  await page.getByLabel('name').fill('Ada');
  await page.getByLabel('count').fill('3');
  await page.getByRole('button', { name: 'Run greet' }).click();
  await page.getByText('Hello Ada, 3').waitFor();
  expect(await accessibilityFaults(page)).toEqual([]);
});

browserTest('an integration shows of each script what it is, its code and its schema', async () => {
  const page = await browser.open();
  await signIn(page);
  await page.goto(`${platform.caller.apiUrl}/env/dev/integrations/tracker`);
  await page.getByText('/oauth/callback').waitFor();
  await page.getByRole('button', { name: /^rows\s*sync · every 1h · version/ }).click();
  const rows = page.getByRole('region', { name: /^rows/ });
  await rows.getByText('Models Task').waitFor();
  await rows.getByText(/^deployed/).waitFor();
  await rows.getByText("await nango.log('one page')").waitFor();
  await page.getByRole('button', { name: /^greet\s*action · when it is called/ }).click();
  const greet = page.getByRole('region', { name: /^greet/ });
  await greet.getByRole('tab', { name: 'Schema' }).click();
  await greet.getByText('"Greeting"').waitFor();
  await greet.getByRole('link', { name: 'its runs' }).click();
  await page.getByRole('heading', { name: 'Runs' }).waitFor();
  expect(page.url()).toContain('name=greet');
});

browserTest('a webhook is sent again by its button', async () => {
  const page = await browser.open();
  await signIn(page);
  await page.goto(`${platform.caller.apiUrl}/env/dev/webhooks`);
  await rowOf(page, 'delivered').first().waitFor();
  await page
    .getByRole('button', { name: /^Replay/ })
    .first()
    .click();
  await page.getByText('It is sent again').waitFor();
  await page.getByText('sent again', { exact: true }).waitFor();
});

browserTest('the logs follow what happens, narrow as they are asked, and tell of one call', async () => {
  const page = await browser.open();
  await signIn(page);
  await page.getByRole('link', { name: 'Logs', exact: true }).click();
  await rowOf(page, 'sync broken').first().waitFor();
  await rowOf(page, 'auth create connection').first().waitFor();
  await page.getByLabel('Search').fill('no such PROJECT');
  await rowOf(page, 'auth create connection').first().waitFor({ state: 'detached' });
  await rowOf(page, 'sync broken').first().waitFor();
  await page.getByLabel('Search').fill('');
  await page.getByLabel('Type').selectOption('proxy');
  await page.getByText('No operation matches').waitFor();
  // Not by this page: it hears of it.
  await fetch(`${platform.caller.apiUrl}/proxy/rows?page=7`, {
    headers: {
      authorization: `Bearer ${platform.caller.key}`,
      'provider-config-key': at.integration,
      'connection-id': at.connection,
      'base-url-override': upstream.url,
    },
  });
  await rowOf(page, 'GET /rows: answered 200').getByRole('link', { name: 'proxy call' }).click();
  await page.getByText(`GET ${upstream.url}/rows: answered 200`).waitFor();
  await page.getByText('Request and response').click();
  await page.getByText('authorization: ***').waitFor();
  await page.getByText('page=7').waitFor();
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.getByLabel('Level').selectOption('error');
  await page.getByText('Nothing at level error').waitFor();
});
