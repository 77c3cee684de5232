/** A real browser over a real platform, if this machine has one. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { buildDashboard } from '../../platform/dashboard-build.ts';
import { until } from './until.ts';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const EXECUTABLE = [process.env['NANGO_TEST_BROWSER'], ...PLACES].find(
  (path) => path !== undefined && existsSync(path),
);
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Looked at by people, never compared. */
const SCREENS = fileURLToPath(new URL('../../dist/screens/', import.meta.url));

if (EXECUTABLE === undefined)
  process.stderr.write("[browser] none is here, its tests are skipped: 'apt-get install chromium' brings one\n");

// A browser beside a platform on two busy cores.
jest.setTimeout(180_000);

/** `test` where there is a browser, `test.skip` where there is none. */
export const browserTest = EXECUTABLE === undefined ? test.skip : test;

export type TestBrowser = {
  /** A page in a context of its own; what went wrong on it fails the test. */
  readonly open: (options?: BrowserContextOptions) => Promise<Page>;
};

/** Builds the pages if need be, and opens a browser for the tests of this file. */
export function useBrowser(): TestBrowser {
  let browser: Browser | undefined;
  const faults: string[] = [];
  beforeAll(async () => {
    if (EXECUTABLE === undefined) return;
    expect(await buildDashboard((line) => process.stderr.write(`${line}\n`))).toBe(true);
    browser = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  }, 240_000);
  afterEach(async () => {
    for (const context of browser?.contexts() ?? []) await context.close();
    expect(faults.splice(0)).toEqual([]);
  });
  afterAll(() => browser?.close());
  return {
    open: async (options = {}) => {
      if (browser === undefined) throw new Error('The browser is there from beforeAll on');
      const context = await browser.newContext(options);
      context.setDefaultTimeout(60_000);
      // Scripts of the page that throw, and all that the content security policy refuses.
      context.on('weberror', (error) => faults.push(String(error.error())));
      context.on('console', (message) => {
        const isOurs = message.type() === 'error' && !/Failed to load resource/.test(message.text());
        if (isOurs) faults.push(message.text());
      });
      return context.newPage();
    },
  };
}

type AxeViolation = {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
};

/** Rules whose answer hangs on colours; that of all others is the same in light and in dark. */
const OF_COLOURS = ['color-contrast', 'link-in-text-block'];

/** What axe finds wrong on a page, one line each, by all its rules or by these; none is the aim. */
export async function accessibilityFaults(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  if (!(await page.evaluate<boolean>("'axe' in globalThis"))) await page.evaluate(AXE);
  const options = rules === undefined ? {} : { runOnly: rules };
  const violations = await page.evaluate<AxeViolation[]>(
    `axe.run(${JSON.stringify(options)}).then((results) => results.violations)`,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.slice(0, 3).map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
  );
}

/** Nothing is being loaded any more. */
export async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor();
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
}

export async function keepScreen(page: Page, name: string): Promise<void> {
  await mkdir(SCREENS, { recursive: true });
  await page.screenshot({ path: join(SCREENS, `${name}.png`), fullPage: true });
}

const WIDTHS = [360, 768, 1440];
const SCHEMES = ['light', 'dark'] as const;

/**
 * Looks at a page at three widths, in light and in dark, without loading it anew, keeps a picture of each, and answers
 * what is wrong in any: by axe, or wider than the window.
 */
export async function faultsInEachLook(page: Page, name: string): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      await untilTrue(page, `document.documentElement.dataset.mantineColorScheme === '${colorScheme}'`);
      // Colours that fade from one scheme to the other are neither of them on the way.
      await untilTrue(page, FADED);
      const look = `${name} ${width} ${colorScheme}`;
      await keepScreen(page, look);
      const rules = colorScheme === SCHEMES[0] ? undefined : OF_COLOURS;
      faults.push(...(await accessibilityFaults(page, rules)).map((fault) => `${look}: ${fault}`));
      // Tables scroll by themselves; the page does not.
      const overflow = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
      if (overflow > 0) faults.push(`${look}: ${overflow} pixels too wide`);
    }
  }
  return faults;
}

const FADED = `document.getAnimations().every(
  (one) => one.playState !== 'running' || one.effect.getComputedTiming().endTime === Infinity,
)`;

/**
 * Resolves with what the expression is worth in the page once it is neither false nor undefined. Playwright's own
 * `waitForFunction` looks again from inside the page, where the page's policy refuses to evaluate a text.
 */
export function untilTrue<Value>(page: Page, expression: string) {
  return until(expression, () => page.evaluate<Value | false | undefined>(expression));
}
