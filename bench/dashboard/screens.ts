/** The requests that each screen of the dashboard makes when it is opened, and when it is narrowed as people narrow it. */
export type ScreenNames = {
  readonly integration: string;
  readonly connection: string;
  readonly model: string;
  readonly run: string;
  readonly operation: string;
  readonly delivery: string;
};
export type Screens = Readonly<Record<string, readonly string[]>>;

/** Paths of the API by the screen, or the use of it, that asks for them. */
export function screensOf({ integration, connection, model, run, operation, delivery }: ScreenNames): Screens {
  const whose = `provider_config_key=${integration}&connection_id=${connection}`;
  return {
    home: ['/dashboard/session', '/dashboard/overview?hours=24'],
    integrations: ['/integrations'],
    catalogue: ['/providers', '/providers?search=crm'],
    integration: [
      `/integrations/${integration}?include=webhook`,
      `/dashboard/scripts?provider_config_key=${integration}`,
      `/connections?integrationId=${integration}&limit=200`,
    ],
    connections: ['/integrations', '/connections?limit=100'],
    connections_last_page: ['/connections?limit=100&page=99'],
    connections_search: ['/connections?limit=100&search=person%20777'],
    connections_of_integration: [`/connections?limit=100&integrationId=${integration}`],
    connections_to_sign_in_again: ['/connections?limit=100&withError=true'],
    connection: [
      `/dashboard/connections/${connection}?provider_config_key=${integration}`,
      `/sync/status?syncs=*&${whose}`,
    ],
    records: [`/dashboard/records?model=${model}&limit=100`],
    records_updated: [`/dashboard/records?model=${model}&limit=100&filter=updated`],
    // No record was: the whole of them is looked through.
    records_deleted: [`/dashboard/records?model=${model}&limit=100&filter=deleted`],
    record_by_id: [`/dashboard/records?model=${model}&limit=100&id=r4321`, `/records?model=${model}&limit=1&ids=r4321`],
    runs: ['/runs?limit=100'],
    runs_failed: ['/runs?limit=100&state=failed'],
    runs_waiting: ['/runs?limit=100&state=waiting'],
    runs_of_connection: [`/runs?limit=100&${whose}`],
    runs_of_script: [`/runs?limit=100&provider_config_key=${integration}&name=rows`],
    runs_of_rare_script: [`/runs?limit=100&provider_config_key=${integration}&name=never-ran`],
    run: [`/runs/${run}?limit=10000`, `/dashboard/runs/${run}/calls`],
    logs: ['/integrations', '/logs/operations?limit=100'],
    logs_failed: ['/logs/operations?limit=100&status=failed'],
    logs_of_connection: [`/logs/operations?limit=100&${whose}`],
    logs_search: ['/logs/operations?limit=100&search=no%20such%20project'],
    operation: [`/logs/operations/${operation}`, `/logs/operations/${operation}/messages?limit=200`],
    webhooks: ['/webhooks/deliveries?limit=100'],
    webhooks_refused: ['/webhooks/deliveries?limit=100&state=refused'],
    webhooks_expired: ['/webhooks/deliveries?limit=100&state=expired'],
    webhook: [`/webhooks/deliveries/${delivery}`],
    settings: ['/environment/api-keys', '/environment/webhooks', '/environment-variables'],
  };
}
