/** `endpoint:` of a v2 script: `GET /path`, a mapping, or a list of these (facts: section 2.3). */
import { isMap, isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import { describe, entriesOf, offsetOf, reject, resolve, scalarText } from './document.ts';
import type { Endpoint } from './manifest.ts';
import type { Script } from './script-keys.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Kind = 'sync' | 'action';

/** Reads them; what is wrong is reported and left out. */
export function readEndpoints(script: Script, kind: Kind): Endpoint[] {
  return nodesOf(script).flatMap(({ node, offset }) => readEndpoint(script, kind, node, offset) ?? []);
}

/** Two scripts of one integration cannot answer under one address. */
export function refuseDoubleEndpoints(scripts: readonly Script[]): void {
  const seen = new Map<string, string>();
  for (const script of scripts) {
    for (const { node, offset } of nodesOf(script)) {
      const { method, path } = partsOf(script, node);
      if (path === undefined) continue;
      const address = `${(method ?? 'GET').toUpperCase()} ${path}`;
      const owner = seen.get(address);
      if (owner === undefined) seen.set(address, script.name);
      else {
        const message = `endpoint of '${script.name}' '${address.slice(0, 80)}': expected another one, since '${owner}' has it already`;
        reject(script.source, offset, message, 'duplicate_endpoint');
      }
    }
  }
}

function nodesOf(script: Script): { readonly node: Node | null; readonly offset: number }[] {
  const entry = script.keys.get('endpoint');
  if (entry === undefined) return [];
  const items = isSeq(entry.value) ? (entry.value.items as Node[]) : [entry.value];
  return items.map((item) => {
    const node = resolve(script.source, item);
    return { node, offset: offsetOf(node, entry.offset) };
  });
}

function readEndpoint(script: Script, kind: Kind, node: Node | null, offset: number): Endpoint | undefined {
  const what = `endpoint of '${script.name}'`;
  const fail = (message: string): undefined => reject(script.source, offset, message, 'invalid_endpoint');
  if (isMap(node)) {
    const unknown = entriesOf(script.source, node, what, offset)?.find(({ key }) => !KEYS.includes(key));
    if (unknown !== undefined)
      return fail(`${what} has the key '${unknown.key.slice(0, 80)}': expected method, path and group`);
  } else if (!isScalar(node)) {
    return fail(`${what} is ${describe(node)}: expected 'GET /path', or a mapping of method and path`);
  }
  const { method = kind === 'sync' ? 'GET' : 'POST', path, group } = partsOf(script, node);
  const known = METHODS.find((candidate) => candidate === method.toUpperCase());
  if (known === undefined)
    return fail(`${what} has the method '${method.slice(0, 80)}': expected ${METHODS.join(', ')}`);
  if (kind === 'sync' && known !== 'GET')
    return fail(`${what} has the method '${known}': expected GET, since syncs are only read`);
  if (path === undefined || !/^\/\S*$/.test(path))
    return fail(
      `${what} has the path '${(path ?? '').slice(0, 80)}': expected one that begins with '/', without spaces`,
    );
  if (group !== undefined && !/^[a-zA-Z _-]{1,64}$/.test(group))
    return fail(`${what} has the group '${group.slice(0, 80)}': expected up to 64 letters, spaces, '_' and '-'`);
  return { method: known, path, ...(group === undefined ? {} : { group }) };
}

const KEYS = ['method', 'path', 'group'];

function partsOf(
  script: Script,
  node: Node | null,
): { readonly method?: string; readonly path?: string; readonly group?: string } {
  if (isMap(node)) {
    const pairs = node.items.flatMap(({ key, value }) => {
      const text = resolve(script.source, value as Node | null);
      return isScalar(key) && isScalar(text) && text.value !== null ? [[scalarText(key), scalarText(text).trim()]] : [];
    });
    return Object.fromEntries(pairs.filter(([key]) => KEYS.includes(key ?? '')));
  }
  if (!isScalar(node)) return {};
  const [first = '', ...rest] = scalarText(node).trim().split(/\s+/);
  return rest.length === 0 ? { path: first } : { method: first, path: rest.join(' ') };
}
