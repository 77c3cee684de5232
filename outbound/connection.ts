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
export type Party = { readonly connection: OutboundConnection; readonly provider: Provider };

/** How messages name a connection. */
export function nameConnection(connection: OutboundConnection): string {
  return `connection '${connection.connectionId}' of integration '${connection.providerConfigKey}'`;
}
