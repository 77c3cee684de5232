/** What the engine knows of a connection's credentials, and what keeps them. No I/O here: Postgres is behind the vault. */

export type Credentials = Readonly<Record<string, unknown>>;

/** Credentials as they come from a provider, and when they end. */
export type Granted = {
  readonly credentials: Credentials;
  /** When the access token ends; null where nobody said, and it is used until it is refused. */
  readonly expiresAt: Date | null;
  /** From when it is replaced; null as above. */
  readonly refreshAt: Date | null;
  /** What the answer told of the account, to be kept in `connection_config`. */
  readonly connectionConfig?: Readonly<Record<string, unknown>>;
};

/** Credentials as they are kept. */
export type KeptCredentials = {
  readonly credentials: Credentials;
  /** Grows with every write. */
  readonly version: number;
  readonly expiresAt: Date | null;
  readonly refreshAt: Date | null;
};

/** A connection's row as a refresh sees it: what it needs to ask for a token, and how the last tries went. */
export type RefreshState = KeptCredentials & {
  /** Our number of the connection. */
  readonly id: number;
  readonly environmentId: string;
  readonly connectionId: string;
  readonly providerConfigKey: string;
  readonly provider: string;
  readonly connectionConfig: Readonly<Record<string, unknown>>;
  /** The integration's own: client id, secret, scopes. */
  readonly integration: Credentials;
  readonly failures: number;
  readonly error: string | null;
  readonly retryAt: Date | null;
  readonly authFailedAt: Date | null;
  /** When a refresh wrote these credentials; null for those that somebody brought. */
  readonly keptAt: Date | null;
  /** A refresh was under way then and nobody wrote how it ended. */
  readonly begunAt: Date | null;
};

export type RefreshFailure = {
  readonly error: string;
  /** Null: never, the person has to sign in again. */
  readonly retryAt: Date | null;
  readonly authMode: string;
  readonly at: Date;
};

/** Where credentials are kept. Writes name the version they follow; one that was overtaken answers false and changes nothing. */
export type CredentialVault = {
  readonly read: (connection: number) => Promise<RefreshState | undefined>;
  /**
   * Runs `work` while no other process works on this connection. The hold ends with the process that has it, and with a
   * pause of a minute; what it writes after that is refused by its version.
   */
  readonly exclusively: <T>(connection: number, work: () => Promise<T>) => Promise<T>;
  /** Notes, for good, that a token request is about to go out. */
  readonly begin: (connection: number, version: number, at: Date) => Promise<boolean>;
  readonly keep: (connection: number, version: number, granted: Granted, at: Date) => Promise<boolean>;
  /** The application is told, once, of a connection that has to be signed in again. */
  readonly fail: (connection: number, version: number, failure: RefreshFailure) => Promise<boolean>;
};
