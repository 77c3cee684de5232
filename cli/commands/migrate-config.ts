import { join } from 'node:path';
import { migrateConfig } from '../../manifest/migrate.ts';
import { parseManifest } from '../../manifest/parse.ts';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { readDeclarations } from '../declared.ts';
import { MANIFEST_FILE, writeGenerated } from '../project.ts';

export const define: CommandModule['define'] = (command, { out, project }) => {
  withExample(command, 'nango migrate-config').action(async () => {
    const place = project();
    const { manifest, manifestText } = await readDeclarations(place);
    if (manifest?.version !== 'v1')
      return out.line('Nothing to migrate: only a nango.yaml of version 1 can become one of version 2.');
    const text = migrateConfig(manifestText);
    // Judged before it replaces the one that is known to work.
    parseManifest(text, MANIFEST_FILE);
    await writeGenerated(join(place.folder, MANIFEST_FILE), text);
    out.line(
      `Wrote ${MANIFEST_FILE} in version 2. Scripts may stay where they are, or move to <integration>/syncs and actions.`,
    );
  });
};
