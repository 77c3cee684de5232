import { join } from 'node:path';
import type { Manifest } from '../../manifest/manifest.ts';
import { scaffoldAction, scaffoldOnEvent, scaffoldSync } from '../../manifest/scaffold.ts';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { type DeclaredScript, readDeclarations } from '../declared.ts';
import { writeTypes } from '../generated.ts';
import { writeOnce } from '../project.ts';
import { noteWarnings } from '../warnings.ts';

export const define: CommandModule['define'] = (command, { out, project }) => {
  withExample(command, 'nango generate').action(async () => {
    const place = project();
    const { manifest, scripts } = await readDeclarations(place);
    if (manifest !== undefined) noteWarnings(out, manifest.warnings);
    const written = await writeTypes(place, manifest);
    for (const script of scripts.filter(({ exists }) => !exists)) {
      const text = manifest === undefined ? undefined : scaffoldOf(manifest, script);
      // Two integrations may share a script: the second one finds it written.
      if (text !== undefined && (await writeOnce(join(place.folder, script.file), text))) written.push(script.file);
    }
    for (const file of written) out.line(`Wrote ${file}`);
    if (written.length === 0)
      out.line(
        manifest === undefined
          ? "Nothing to write: a project without nango.yaml has its types in its scripts; 'nango create' adds one."
          : 'Nothing to write: models.ts is up to date and every script is there.',
      );
  });
};

function scaffoldOf({ integrations }: Manifest, { kind, integration, name, file }: DeclaredScript): string | undefined {
  const models = `${'../'.repeat(file.split('/').length - 1) || './'}models`;
  const definitions = integrations.find((one) => one.name === integration);
  const isIt = (definition: { readonly name: string }) => definition.name === name;
  const [sync, action, onEvent] = [
    definitions?.syncs.find(isIt),
    definitions?.actions.find(isIt),
    definitions?.onEvents.find(isIt),
  ];
  if (kind === 'sync' && sync !== undefined) return scaffoldSync(sync, models);
  if (kind === 'action' && action !== undefined) return scaffoldAction(action, models);
  return onEvent === undefined ? undefined : scaffoldOnEvent(onEvent, models);
}
