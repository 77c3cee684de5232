/** The secrets that a script is told by its calls: they stay out of its log, and of what it fails with. */
import type { JournalKind } from '../../contract/journal.ts';

const SECRET_NAME = /key|token|secret|password|credential/i;

/** What is secret in the answer to a call of that kind, which is read only then; undefined where there is nothing. */
export function secretsIn(kind: JournalKind, answer: () => unknown): unknown {
  switch (kind) {
    case 'getConnection':
    case 'getIntegration':
      return (answer() as { readonly credentials?: unknown }).credentials;
    case 'getEnvironmentVariables':
      // Only what is named like a secret: other variables are regions and addresses that logs may well tell.
      return (answer() as readonly { readonly name: string; readonly value: string }[])
        .filter(({ name }) => SECRET_NAME.test(name))
        .map(({ value }) => value);
    default:
      return undefined;
  }
}
