/**
 * Where the file of a script may be, relative to the folder of `nango.yaml`, the most particular place first:
 * in folders of the integration; beside the file; in folders beside the file, where the file is an integration's own.
 * The first one that exists is the script's. `<integration>/<kind>s/` is where a new one belongs in v2, the place
 * beside the file in v1.
 */
export function scriptPathCandidates(
  integration: string,
  kind: 'sync' | 'action' | 'on-event',
  name: string,
): readonly string[] {
  const file = `${name}.ts`;
  const folders = FOLDERS[kind];
  return [
    ...folders.map((folder) => `${integration}/${folder}/${file}`),
    file,
    ...folders.map((folder) => `${folder}/${file}`),
  ];
}

const FOLDERS = {
  sync: ['syncs'],
  action: ['actions'],
  // The second one is what they were called at first.
  'on-event': ['on-events', 'post-connection-scripts'],
} as const;
