/** What a provider says of a refusal, for the person who has to mend it. Pure. */

const LONGEST = 300;

/**
 * The first text among those places where answers of APIs have one; undefined where there is none. `hide` masks secrets, on
 * the whole of it: of one that the bound cuts through, the beginning would stay.
 */
export function ownWords(text: string, contentType: string, hide: (words: string) => string): string | undefined {
  const words = /^text\/plain/i.test(contentType) ? text.trim() : wordsIn(parsed(text));
  return words ? hide(words).slice(0, LONGEST) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function wordsIn(answer: unknown): string | undefined {
  if (typeof answer === 'string') return answer === '' ? undefined : answer;
  if (Array.isArray(answer)) return wordsIn(answer[0]);
  if (typeof answer !== 'object' || answer === null) return undefined;
  const said = answer as Readonly<Record<string, unknown>>;
  for (const name of ['error_description', 'error_message', 'message', 'detail', 'error', 'errors', 'title']) {
    const words = wordsIn(said[name]);
    if (words !== undefined) return words;
  }
  return undefined;
}
