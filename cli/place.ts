import nodePath from 'node:path';

/**
 * How a project names a file of its: relative to `folder`, with slashes on every system, since manifests, bundles,
 * source maps and the server compare such names as text. `path` is that of the system; a file on another drive keeps
 * its whole path. @param system whose rules hold, those of this system by default
 */
export function placeIn(folder: string, path: string, system: Pick<typeof nodePath, 'relative' | 'sep'> = nodePath) {
  return withSlashes(system.relative(folder, path), system);
}

/** A path of the system with slashes, as configurations of the compiler want it. */
export function withSlashes(path: string, { sep }: Pick<typeof nodePath, 'sep'> = nodePath): string {
  return path.split(sep).join('/');
}
