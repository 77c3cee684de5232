import { useEnvironment } from '../environment.ts';
import { Go } from './go.tsx';

/** The id of a connection, leading to its screen. */
export function ConnectionLink({
  of,
}: {
  readonly of: { readonly provider_config_key: string; readonly connection_id: string };
}) {
  const env = useEnvironment();
  const params = { env, integration: of.provider_config_key, connection: of.connection_id };
  return (
    <Go to="/env/$env/connections/$integration/$connection" params={params} className="odd-name">
      {of.connection_id}
    </Go>
  );
}
