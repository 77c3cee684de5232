/** By which the API knows a connection: the integration's key and the connection's id. */
export type Address = { readonly integration: string; readonly connection: string };
