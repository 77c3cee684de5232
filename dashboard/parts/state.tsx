const TONES: Readonly<Record<string, string>> = {
  success: 'good',
  delivered: 'good',
  ok: 'good',
  added: 'good',
  failed: 'bad',
  error: 'bad',
  refused: 'bad',
  expired: 'bad',
  timeout: 'bad',
  deleted: 'bad',
  running: 'busy',
  updated: 'busy',
  waiting: 'wait',
  paused: 'wait',
  pending: 'wait',
  warn: 'wait',
};

/** A state in words; its colour only repeats them. */
export function State({ of, says }: { readonly of: string; readonly says?: string }) {
  const word = of.toLowerCase();
  return (
    <span className="state">
      <span className="dot" data-tone={TONES[word] ?? 'calm'} aria-hidden />
      {says ?? word}
    </span>
  );
}
