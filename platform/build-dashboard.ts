/** `npm run dashboard`: builds the dashboard's pages, if they are missing or older than their sources. */
import { buildDashboard } from './dashboard-build.ts';

const isBuilt = await buildDashboard((line) => process.stdout.write(`${line}\n`));
process.exitCode = isBuilt ? 0 : 1;
