/**
 * zod as scripts get it by `require('zod')`; half a megabyte, so it is loaded only where a bundle names it. Version 3,
 * for projects that pin it, is evaluated when it is asked for.
 */
import * as v4 from 'zod';

declare const require: (name: string) => unknown;

export { v4 };

export const v3 = (): unknown => require('zod/v3');
