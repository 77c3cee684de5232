/** Builds a project again and again, for `nango dev`, and says in a line what each build did. */
import { type EngineError, failureCode } from '../contract/failures.ts';
import { mistakeLine } from '../manifest/manifest.ts';
import { type Build, openBuild } from './build.ts';
import { count } from './output.ts';
import { declaringFile, type Project } from './project.ts';

export type BuildReport = {
  readonly mistakes: readonly string[];
  readonly summary: string;
  /** Whether what was built can run. */
  readonly isGood: boolean;
};

export type Builder = {
  /** Builds after a change of these files (relative to the folder). Mistakes of the author are part of the report. */
  readonly build: (changed: readonly string[]) => Promise<BuildReport>;
  readonly close: () => Promise<void>;
};

/** A builder that has built nothing yet. Where it does not `generate`, models.ts stays as it is. */
export function createBuilder(project: Project, generates = true): Builder {
  const build = openBuild(project);
  const declaring = declaringFile(project);
  return {
    build: (changed) =>
      report(build, declaring, { changed, generates }).catch((error: unknown) => {
        if (failureCode(error) !== 'manifest_invalid') throw error;
        const { details, message } = error as EngineError;
        const mistakes = details.mistakes ?? [message];
        return { mistakes, summary: `${count(mistakes.length, 'mistake')} in ${declaring}`, isGood: false };
      }),
    close: build.close,
  };
}

async function report(
  build: Build,
  declaring: string,
  options: { readonly changed: readonly string[]; readonly generates: boolean },
): Promise<BuildReport> {
  const begun = performance.now();
  const { mistakes, warnings, wrote, bundled, scripts } = await build.run(options);
  // Said again only when they may be others: they would hide the mistakes.
  const shown = options.changed.includes(declaring) ? warnings.map((one) => `warning: ${mistakeLine(one)}`) : [];
  const facts = [
    ...wrote.map((file) => `wrote ${file}`),
    `bundled ${count(bundled, 'script')} of ${scripts}`,
    `${Math.round(performance.now() - begun)} ms`,
  ];
  const verdict = mistakes.length === 0 ? 'No mistakes' : count(mistakes.length, 'mistake');
  return {
    mistakes: [...mistakes, ...shown],
    summary: `${verdict} (${facts.join(', ')})`,
    isGood: mistakes.length === 0,
  };
}
