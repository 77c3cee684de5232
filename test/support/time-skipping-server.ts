import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TestWorkflowEnvironment } from '@temporalio/testing';

const run = promisify(execFile);

const VERSION = '1.31.0';
const CACHE = join(homedir(), '.cache', 'nango-temporal');
const HOME = join(CACHE, `test-server-${VERSION}`);
const START = join(HOME, 'start');

/**
 * Starts the time-skipping server: the one brought earlier, the SDK's own download, or the jars from Maven Central
 * under a two-line start script. Throws, naming what to install, when none works.
 */
export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  if (await exists(START)) return withStartScript();
  const tried: string[] = [];
  try {
    return await TestWorkflowEnvironment.createTimeSkipping();
  } catch (error) {
    tried.push(`the SDK’s download: ${firstLine(error)}`);
  }
  try {
    await bringByMaven();
    return await withStartScript();
  } catch (error) {
    tried.push(`Maven: ${firstLine(error)}`);
  }
  throw new Error(
    `The time-skipping server was not found and could not be brought (${tried.join('; ')}): install Java and Maven, or let this machine reach temporal.download once`,
  );
}

/** A machine that is busy with other tests may not start Java within the SDK's five seconds. */
const STARTS = 4;

async function withStartScript(starts = STARTS): Promise<TestWorkflowEnvironment> {
  try {
    const executable = { type: 'existing-path', path: START } as const;
    return await TestWorkflowEnvironment.createTimeSkipping({ server: { executable } });
  } catch (error) {
    if (starts <= 1 || !/did not start within/.test(String(error))) throw error;
    return withStartScript(starts - 1);
  }
}

/** Made beside its place and renamed, so that of several test files at once one wins and none sees half of it. */
async function bringByMaven(): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, 'bringing-'));
  try {
    await writeFile(join(folder, 'pom.xml'), POM);
    const goal = 'dependency:copy-dependencies';
    await run('mvn', ['-q', '-B', goal, '-DoutputDirectory=lib'], { cwd: folder, timeout: 180_000 });
    await writeFile(join(folder, 'start'), SCRIPT, { mode: 0o755 });
    await rename(folder, HOME).catch(async (error) => {
      if (!(await exists(START))) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const SCRIPT = `#!/bin/sh
exec java -XX:TieredStopAtLevel=1 -cp '${HOME}/lib/*' io.temporal.testserver.TestServer "$@"
`;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId>
  <artifactId>test-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function firstLine(error: unknown): string {
  const said = error instanceof Error && 'stdout' in error ? String(error.stdout).trim() : '';
  return (said || (error instanceof Error ? error.message : String(error))).split('\n')[0] ?? '';
}
