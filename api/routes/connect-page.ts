import { Router } from 'express';
import { z } from 'zod';
import { CERTIFICATE_FIELD, KEY_FIELD } from '../../outbound/client-certificate.ts';
import type { Provider } from '../../outbound/provider.ts';
import { listIntegrations } from '../../store/integrations.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import type { SessionRoute } from '../session.ts';
import { SESSION_WISHES } from '../session-wishes.ts';
import { routeOf } from './sign-ins.ts';

const POPUP_MODES = ['OAUTH2', 'OAUTH1', 'APP', 'CUSTOM', 'MCP_OAUTH2', 'MCP_OAUTH2_GENERIC'];

/** What the connect page shows to the person whose session it is: the integrations, and what each asks them for. */
export function connectPageRoutes(deps: ApiDeps, sessionRoute: SessionRoute): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/connect/integrations',
    sessionRoute({
      query: z.strictObject({ connect_session_token: z.string().optional() }),
      handle: async ({ environment, session }) => {
        const wishes = SESSION_WISHES.parse(session.wishes);
        const allowed = wishes.allowed_integrations;
        const integrations = await listIntegrations(deps.db, environment.id);
        const shown = integrations.filter(
          ({ uniqueKey, provider }) => (allowed?.includes(uniqueKey) ?? true) && deps.catalogue.has(provider),
        );
        const data = shown.map(({ uniqueKey, displayName, provider: name }) => {
          const provider = deps.catalogue.get(name);
          const fixed = Object.keys(wishes.integrations_config_defaults[uniqueKey]?.connection_config ?? {});
          const docs = wishes.overrides[uniqueKey]?.docs_connect ?? provider.docs ?? null;
          return {
            unique_key: uniqueKey,
            display_name: displayName ?? nameOf(provider),
            docs,
            ...askedBy(provider, fixed),
          };
        });
        return json({ data });
      },
    }),
  );
  return router;
}

const CERTIFICATE = {
  [CERTIFICATE_FIELD]: { type: 'string', title: 'Client certificate (PEM)' },
  [KEY_FIELD]: { type: 'string', title: 'Private key of the certificate (PEM)', secret: true },
} as const;

function nameOf({ display_name: display, name }: Provider): string {
  return display ?? name;
}

/** The fields a person fills in; what the provider answers itself and what the product has fixed is not asked for. */
function askedBy(provider: Provider, fixed: readonly string[]) {
  const config = Object.entries(provider.connection_config ?? {}).filter(
    ([name, field]) => !fixed.includes(name) && !isAutomatic(field),
  );
  const isPopup = POPUP_MODES.includes(provider.auth_mode);
  return {
    provider: provider.name,
    auth_mode: provider.auth_mode,
    /** Where the form goes to: a popup's address, or a POST. */
    path: isPopup ? '/oauth/connect/:key' : routeOf(provider.auth_mode),
    in_popup: isPopup,
    connection_config: Object.fromEntries(config),
    credentials: { ...provider.credentials, ...(provider.require_client_certificate && CERTIFICATE) },
  };
}

function isAutomatic(field: unknown): boolean {
  return typeof field === 'object' && field !== null && 'automated' in field && field.automated === true;
}
