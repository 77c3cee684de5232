import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, type TestPostgres } from './postgres.ts';

declare global {
  var testPostgres: TestPostgres | undefined;
}

/** Runs once, before Jest's workers start: they inherit the variables. */
export default async function setUp(): Promise<void> {
  globalThis.testPostgres = await startPostgres();
  process.env['NANGO_TEST_POSTGRES'] = globalThis.testPostgres.url;
  process.env['NANGO_TEST_KEPT'] = await mkdtemp(join(tmpdir(), 'nango-test-kept-'));
}
