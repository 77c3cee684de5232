/** zod as scripts get it by `require('zod')`; half a megabyte, so it is loaded only where a bundle names it. */
export * from 'zod';
export { default } from 'zod';
