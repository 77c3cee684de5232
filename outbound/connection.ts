import type { Provider } from './provider.ts';

/** Whose credentials a call carries. The store's row has the same fields; credentials are already decrypted here. */
export type OutboundConnection = {
  readonly id: number;
  readonly provider: string;
  readonly providerConfigKey: string;
  readonly connectionId: string;
  readonly connectionConfig: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly credentials: Readonly<Record<string, unknown>>;
  /** Which writing of the credentials these are; without it they are taken as they stand and never renewed. */
  readonly version?: number;
  readonly expiresAt?: Date | null;
  readonly refreshAt?: Date | null;
};

/** One side of every call: the connection and what its provider's entry says. */
export type Party = {
  readonly connection: OutboundConnection;
  readonly provider: Provider;
  /** For templates that hold a moment; without it they have none. */
  readonly clock?: () => Date;
  /** The call under way, as far as it is made, for templates that sign it. */
  readonly call?: Partial<CallFacts>;
  /** What a flow knows besides, by its first name: `step1`, `assertionOption`, the client's id. */
  readonly extra?: Readonly<Record<string, unknown>>;
};

/** What templates may say of a call. Taken once per call, so that a date and its signature agree. */
export type CallFacts = {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly endpoint: string;
  /** The query as it goes on the wire, without the question mark. */
  readonly params: string;
  /** The body where it is text, otherwise empty. */
  readonly body: string;
  readonly contentType: string | undefined;
  /** 32 hexadecimal digits. */
  readonly random: string;
  readonly now: Date | undefined;
};

/** How messages name a connection. */
export function nameConnection(connection: OutboundConnection): string {
  return `connection '${connection.connectionId}' of integration '${connection.providerConfigKey}'`;
}
