/** From an integrations folder to bundles that can run, or every mistake at once. */
import { EngineError } from '../contract/failures.ts';
import { type BuildOptions, type CompiledProject, openBuild } from './build.ts';
import { count } from './output.ts';
import type { Project } from './project.ts';

/**
 * Compiles the scripts that `wanted` picks (all of them when absent). Throws `manifest_invalid`, or `compile_failed`
 * with the mistakes of types, rules and bundles together; where only some scripts are wanted, other scripts' are left
 * out.
 */
export async function compileProject(
  project: Project,
  options: Pick<BuildOptions, 'wanted' | 'fresh' | 'generates' | 'signal'> = {},
): Promise<CompiledProject> {
  const build = openBuild(project);
  try {
    const { project: compiled, mistakes } = await build.run(options);
    if (compiled !== undefined) return compiled;
    throw new EngineError('compile_failed', `The scripts have ${count(mistakes.length, 'mistake')}`, {
      details: { mistakes },
    });
  } finally {
    await build.close();
  }
}
