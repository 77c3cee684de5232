/** What a provider says of a refusal, for the person who has to mend it. Pure. */

const LONGEST = 300;

/** The first text among those places where answers of APIs have one; undefined where there is none. */
export function ownWords(body: Uint8Array, contentType: string): string | undefined {
  const text = Buffer.from(body).toString('utf8').trim();
  if (/^text\/plain/i.test(contentType)) return text === '' ? undefined : text.slice(0, LONGEST);
  try {
    return wordsIn(JSON.parse(text))?.slice(0, LONGEST);
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
