/** Secrets that a script was given stay out of what it logs. */
export type Redactor = {
  /** Takes credentials, or any value of texts that are secret. */
  readonly add: (secrets: unknown) => void;
  readonly redact: (text: string) => string;
};

/** Shorter texts would be found in ordinary words. */
const SHORTEST = 8;
/** What stands beside a secret without being one. */
const PLAIN_KEYS = new Set([
  'type',
  'auth_mode',
  'expires_at',
  'expires_in',
  'token_type',
  'scope',
  'scopes',
  'username',
]);

/** A redactor that knows no secrets yet. */
export function createRedactor(): Redactor {
  const known = new Set<string>();
  let ordered: readonly string[] | undefined;
  return {
    add: (secrets) => {
      for (const text of textsOf(secrets, 0)) known.add(text).add(encodeURIComponent(text.toWellFormed()));
      ordered = undefined;
    },
    redact: (text) => {
      if (known.size === 0) return text;
      // A secret that holds another one goes first, or its rest would stay.
      ordered ??= [...known].toSorted((a, b) => b.length - a.length);
      return ordered.reduce((redacted, secret) => redacted.replaceAll(secret, '***'), text);
    },
  };
}

/** The value with each text in it redacted, at whatever depth; its keys stay. */
export function redactedIn<Value>(value: Value, redact: Redactor['redact']): Value {
  const within = (inner: unknown): unknown => {
    if (typeof inner === 'string') return redact(inner);
    if (Array.isArray(inner)) return inner.map(within);
    if (typeof inner !== 'object' || inner === null) return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, member]) => [key, within(member)]));
  };
  return within(value) as Value;
}

function textsOf(value: unknown, depth: number): string[] {
  if (typeof value === 'string') return value.length >= SHORTEST ? [value] : [];
  if (typeof value !== 'object' || value === null || depth > 10) return [];
  return Object.entries(value).flatMap(([key, member]) => (PLAIN_KEYS.has(key) ? [] : textsOf(member, depth + 1)));
}
