import { join } from 'node:path';
import { scaffoldAction, scaffoldOnEvent, scaffoldSync } from '../../manifest/scaffold.ts';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { type DeclaredScript, declaredScripts, loadManifest, writeTypes } from '../compile.ts';
import { writeOnce } from '../project.ts';
import { noteWarnings } from '../warnings.ts';

export const define: CommandModule['define'] = (command, { out, project }) => {
  withExample(command, 'nango generate').action(async () => {
    const { folder } = project();
    const { manifest } = await loadManifest({ folder });
    noteWarnings(out, manifest);
    const written = await writeTypes({ folder }, manifest);
    for (const script of declaredScripts({ folder }, manifest).filter(({ exists }) => !exists)) {
      // Two integrations may share a script: the second one finds it written.
      if (await writeOnce(join(folder, script.file), scaffoldOf(script))) written.push(script.file);
    }
    for (const file of written) out.line(`Wrote ${file}`);
    if (written.length === 0) out.line('Nothing to write: models.ts is up to date and every script is there.');
  });
};

function scaffoldOf(script: DeclaredScript): string {
  const models = `${'../'.repeat(script.file.split('/').length - 1) || './'}models`;
  switch (script.kind) {
    case 'sync':
      return scaffoldSync(script.definition, models);
    case 'action':
      return scaffoldAction(script.definition, models);
    case 'on-event':
      return scaffoldOnEvent(script.definition, models);
    default:
      return script satisfies never;
  }
}
