import { beforeAll, expect } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { RECONCILE } from '../../contract/engine.ts';
import { fillEnvironment } from '../../bench/dashboard/rows.ts';
import { createConnection, createIntegration } from '../../platform/example.ts';
import { accessibilityFaults, browserTest, untilTrue, useBrowser } from '../support/browser.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, usePlatform } from '../support/platform.ts';

const platform = usePlatform();
const browser = useBrowser();
const at = { integration: 'tracker', connection: 'acme' } as const;
const ROWS = 1_000;
/** What a browser draws without effort, whatever the length of the list. */
const IN_PAGE_AT_MOST = 150;

beforeAll(async () => {
  const { caller, engine } = platform;
  await createIntegration(caller, at.integration, 'example-tracker');
  await createConnection(caller, at.integration, at.connection);
  const source = `export default async function fetchData(nango: any) {
    for (let line = 0; line < ${ROWS}; line++) await nango.log('line ' + line);
  }`;
  await deployScripts(caller, at.integration, [{ name: 'rows', source }]);
  await runSync(platform, { ...at, name: 'rows' });
  const found = await engine.db.query<{ id: string }>(`select id::text from connections`);
  const sizes = { connections: ROWS, records: 2 * ROWS, runs: ROWS, others: ROWS };
  // It would give each of the copies the schedule that it lacks.
  await engine.client.schedule.getHandle(RECONCILE.scheduleId).delete();
  await fillEnvironment(engine.db, { connectionRow: found.rows[0]?.id ?? '', model: 'Task', ...sizes });
}, 240_000);

async function openList(path: string): Promise<Page> {
  const page = await browser.open({ viewport: { width: 1280, height: 900 } });
  await page.goto(platform.caller.apiUrl + path);
  await page.getByLabel('Secret key').fill(platform.caller.key);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  return page;
}

const LISTS: readonly (readonly [string, string, string])[] = [
  ['connections', '/env/dev/connections', 'Connections'],
  ['runs', '/env/dev/runs', 'Runs'],
  ['operations', '/env/dev/logs', 'Operations'],
  ['deliveries', '/env/dev/webhooks', 'Webhook deliveries'],
  ['records', `/env/dev/connections/${at.integration}/${at.connection}`, 'Records'],
];
/** The ways to the end of a list. */
const WAYS = {
  keyboard: (_: Page, list: Locator) => list.press('End'),
  scrolling: (page: Page) => page.mouse.wheel(0, 20_000),
} as const;

const CASES = LISTS.flatMap(([what, path, label]) =>
  (Object.keys(WAYS) as (keyof typeof WAYS)[]).map((way) => ({ what, path, label, way })),
);

browserTest.each(CASES)(
  'a long list of $what holds few rows in the page, and its last one is reached by $way',
  async ({ path, label, way }) => {
    const page = await openList(path);
    if (label === 'Records') await page.getByRole('tab', { name: 'Records' }).click();
    const list = page.getByRole('region', { name: label });
    const rows = list.locator('tbody tr[data-index]');
    await rows.first().waitFor();
    await page.mouse.move(640, 600);
    const table = list.getByRole('table');
    let most = 0;
    for (;;) {
      most = Math.max(most, await rows.count());
      const count = Number(await table.getAttribute('aria-rowcount'));
      const last = Number(await rows.last().getAttribute('aria-rowindex'));
      if (count > 0 && last === count) break;
      await WAYS[way](page, list);
      // Until what was scrolled to is there; the next look finds out whether that was the end.
      await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
    }
    expect(Number(await table.getAttribute('aria-rowcount'))).toBeGreaterThan(ROWS);
    expect(most).toBeLessThan(IN_PAGE_AT_MOST);
    await WAYS[way](page, list);
    await page.getByText(/^All [\d,]+\.$/).waitFor();
    const isInSight = `(() => { const box = [...document.querySelectorAll('tr[data-index]')].at(-1).getBoundingClientRect();
      return box.top >= 0 && box.bottom <= innerHeight; })()`;
    await untilTrue(page, isInSight);
    if (way === 'keyboard') expect(await accessibilityFaults(page)).toEqual([]);
  },
);

browserTest('the connections of one status are listed alone, and a link keeps the choice', async () => {
  const page = await openList('/env/dev/connections');
  await page.getByLabel('Status').selectOption('auth');
  await page.getByRole('row').filter({ hasText: 'copy-100' }).getByText('sign in again').waitFor();
  await page.getByText('All 9.').waitFor();
  expect(page.url()).toContain('error=auth');
  await page.reload();
  await page.getByText('All 9.').waitFor();
});

browserTest('the timeline of a run with a thousand lines holds few of them in the page', async () => {
  const { rows } = await platform.engine.db.query<{ id: string }>(
    `select run_id as id from run_logs group by run_id having count(*) >= ${ROWS}`,
  );
  const page = await openList(`/env/dev/runs/${rows[0]?.id}`);
  const lines = page.locator('.timeline > li');
  await page.getByText('The script starts').waitFor();
  expect(await lines.count()).toBeLessThan(IN_PAGE_AT_MOST);
  // Lines that come into sight for the first time are measured, which moves the end away.
  while ((await page.getByText('Ended: success').count()) === 0) await page.keyboard.press('End');
  await page.getByText(`line ${ROWS - 1}`, { exact: true }).waitFor();
  expect(await lines.count()).toBeLessThan(IN_PAGE_AT_MOST);
});
