/** The folder that `nango init` makes, with one thing or another changed. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runCli } from './cli.ts';

/** Makes a project in `parent` and answers its folder. A file given as null is removed again. */
export async function initProject(
  parent: string,
  changes: Readonly<Record<string, string | null>> = {},
): Promise<string> {
  const { code, stderr } = await runCli(['init'], { cwd: parent, env: { NANGO_HOSTPORT: 'http://127.0.0.1:9' } });
  if (code !== 0) throw new Error(`nango init failed: ${stderr}`);
  const folder = join(parent, 'nango-integrations');
  for (const [name, text] of Object.entries(changes)) {
    const path = join(folder, name);
    if (text === null) await rm(path);
    else {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
  }
  return folder;
}
