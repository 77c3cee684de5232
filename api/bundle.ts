import { createHash } from 'node:crypto';
import type { ScriptBundle } from '../contract/script.ts';

const MAP_COMMENT = /\n?\/\/# sourceMappingURL=data:application\/json;(?:charset=[\w-]+;)?base64,([A-Za-z0-9+/=]*)\s*$/;
// A map that knows nothing: errors then name lines of the bundle.
const NO_MAP = JSON.stringify({ version: 3, sources: [], names: [], mappings: '' });

/**
 * The bundle a deployment's `fileBody.js` holds: its inline source map, if it has a readable one, is taken apart from
 * the code. `hash` is that of the code alone, so that a moved comment is no change; which bundle it is, its map decides too
 * (`bundleHashOf` in `store/scripts.ts`).
 */
export function bundleOf({ js, file }: { readonly js: string; readonly file: string }): ScriptBundle {
  // The comment, if any, is the end of the text: the search looks at that alone, however long the script is.
  const from = js.lastIndexOf('//# sourceMappingURL=');
  const match = from === -1 ? null : MAP_COMMENT.exec(js.slice(Math.max(0, from - 1)));
  const code = match === null ? js : `${js.slice(0, from).trimEnd()}\n`;
  const sourceMap = match?.[1] === undefined ? NO_MAP : readableMap(Buffer.from(match[1], 'base64').toString('utf8'));
  return { hash: createHash('sha256').update(code).digest('hex'), code, sourceMap, file };
}

function readableMap(text: string): string {
  try {
    const map: unknown = JSON.parse(text);
    return typeof map === 'object' && map !== null ? text : NO_MAP;
  } catch {
    return NO_MAP;
  }
}
