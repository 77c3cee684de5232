// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a shell reads some of these
/** The five steps by which the README connects GitHub, as it has them, with a server of ours in GitHub's place. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CLIENT } from '../../bench/upstream/authorization-server.ts';
import { call } from '../../platform/example.ts';
import { useAuthorizationServer } from '../support/authorization-server.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, usePlatform } from '../support/platform.ts';

const folder = mkdtempSync(join(tmpdir(), 'readme-github-'));
const file = join(folder, 'providers.yaml');
afterAll(() => rmSync(folder, { recursive: true }));
const server = useAuthorizationServer();
// Before the platform starts: our entry of GitHub, at another address.
beforeAll(() =>
  writeFileSync(
    file,
    `github:
  alias: github
  authorization_url: ${server.url}/authorize
  token_url: ${server.url}/token
  proxy: { base_url: "${server.url}" }
`,
  ),
);
const platform = usePlatform({ NANGO_PROVIDERS_FILE: file });

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const section = /## Connect GitHub[\s\S]*?(?=\n## )/.exec(readme)?.[0] ?? '';
const [create = '', open = '', proxy = ''] = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text]) => text);
const address = /`(http\S*?\/oauth\/connect\/[^`]*)`/.exec(section)?.[1] ?? '';
const callback = /`(http\S*?\/oauth\/callback)`/.exec(section)?.[1] ?? '';

const here = (text: string) => text.replaceAll(/(http:\/\/)?localhost:3003/g, platform.caller.apiUrl);

/** Runs a block of the README in a shell that has the key. */
async function run(block: string): Promise<Record<string, never>> {
  const env = { ...process.env, KEY: platform.caller.key };
  const { stdout } = await promisify(execFile)('sh', ['-ec', here(block).replaceAll('curl ', 'curl -sS ')], { env });
  return JSON.parse(stdout);
}

test("the README's five steps connect GitHub, run its syncs and call its API", async () => {
  expect(section.match(/^\d\. /gm)).toHaveLength(5);
  const [id, secret] = [CLIENT.id, CLIENT.secret];
  const made = await run(
    create
      .replace('"client_id": "…"', `"client_id": "${id}"`)
      .replace('"client_secret": "…"', `"client_secret": "${secret}"`),
  );
  expect(made).toMatchObject({ data: { unique_key: 'github', provider: 'github' } });
  const source = "export default async function fetchData(nango: any) { await nango.get({ endpoint: '/user' }); }";
  await deployScripts(platform.caller, 'github', [{ name: 'user', source, autoStart: true }]);
  const session = (await run(open)) as unknown as { data: { token: string } };

  const left = await fetch(here(address).replace('<token of the session>', session.data.token), { redirect: 'manual' });
  const away = new URL(left.headers.get('location') ?? '');
  expect(away.searchParams.get('redirect_uri')).toBe(here(callback));
  expect(away.searchParams.get('scope')).toBe('repo read:user');
  const back = (await fetch(away, { redirect: 'manual' })).headers.get('location') ?? '';
  const { connectionId } = (await (await fetch(back)).json()) as { connectionId: string };

  const { runs } = await call<{ runs: { id: string }[] }>(platform.caller, 'GET', '/runs?provider_config_key=github');
  expect(await endedRun(platform, runs[0]?.id ?? '')).toMatchObject({ state: 'success', connection_id: connectionId });
  expect(await run(proxy.replace('<id>', connectionId))).toEqual({ ok: true });
}, 90_000);
