import { startPostgres, type TestPostgres } from './postgres.ts';
import { sweepServerFolders } from './server-folders.ts';

declare global {
  var testPostgres: TestPostgres | undefined;
}

/** Runs once, before Jest's workers start: they inherit the variable. */
export default async function setUp(): Promise<void> {
  await sweepServerFolders();
  globalThis.testPostgres = await startPostgres();
  process.env['NANGO_TEST_POSTGRES'] = globalThis.testPostgres.url;
}
