/** Writes `author/index.d.ts`: `node author/write-types.ts`. A test compares the two. */
import { writeFileSync } from 'node:fs';
import { MODULE_TYPES } from '../manifest/module-types.ts';

writeFileSync(new URL('index.d.ts', import.meta.url), MODULE_TYPES);
