/** What may happen to a connection that a script can be run for; the names of `on-events` in nango.yaml. */
export const ON_EVENTS = ['post-connection-creation', 'pre-connection-deletion', 'validate-connection'] as const;
export type OnEvent = (typeof ON_EVENTS)[number];
