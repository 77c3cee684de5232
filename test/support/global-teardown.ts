import { rm } from 'node:fs/promises';
import './global-setup.ts';

export default async function tearDown(): Promise<void> {
  await globalThis.testPostgres?.stop();
  await rm(process.env['NANGO_TEST_KEPT'] ?? '', { recursive: true, force: true });
}
