/** Makes the deletions of an attempt in a process of its own, which a test may kill: `<database url> <attempt as JSON>`. */
import { deleteUnseen } from '../../activities/deletions.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { openDatabase } from '../../store/db.ts';
import type { Attempt } from '../../store/runs.ts';

const [url = '', attempt = ''] = process.argv.slice(2);
const run = JSON.parse(attempt) as Attempt;
const db = openDatabase(url, { max: 1, onLost: () => undefined });
const parts = { db, clock: () => new Date(), log: () => undefined, meter: createMetrics() };
await deleteUnseen(parts, run, ['Task'], new AbortController().signal);
await db.end();
