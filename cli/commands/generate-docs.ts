import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { compileProject } from '../compile.ts';
import type { CommandModule } from '../command.ts';
import { withExample, withRefused } from '../command.ts';
import { integrationDocs } from '../docs.ts';
import { writeGenerated } from '../project.ts';

const BEGIN = '<!-- begin: written by nango generate:docs -->';
const END = '<!-- end: written by nango generate:docs -->';

export const define: CommandModule['define'] = (command, { io, out, project }) => {
  command.option('-p, --path <folder>', "where the integrations' folders are; the project when absent");
  withRefused(
    command,
    '--integration-templates',
    "--integration-templates is for the incumbent's own repository: leave it out, or say with --path where the integrations' folders are.",
  );
  withExample(command, 'nango generate:docs').action(async (flags: { readonly path?: string }) => {
    const place = project();
    const { manifest, scripts } = await out.during('Compiling', () => compileProject(place, { signal: io.signal }));
    const root = flags.path === undefined ? place.folder : resolve(io.cwd, flags.path);
    for (const integration of manifest.integrations) {
      const own = scripts.filter((script) => script.integration === integration.name);
      if (own.length === 0) continue;
      const path = join(root, integration.name, 'README.md');
      const before = await readFile(path, 'utf8').catch(() => `# ${integration.name}\n`);
      const isNew = await writeGenerated(path, withSection(before, integrationDocs(own)));
      out.line(`${isNew ? 'Wrote' : 'Kept'} ${join(integration.name, 'README.md')}`);
    }
  });
};

/** What stands around the section is the author's. */
function withSection(text: string, section: string): string {
  const written = `${BEGIN}\n\n${section}\n${END}`;
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin === -1 || end < begin) return `${text.trimEnd()}\n\n${written}\n`;
  return text.slice(0, begin) + written + text.slice(end + END.length);
}
