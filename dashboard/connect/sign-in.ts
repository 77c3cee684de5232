import { askWith, Refusal, search } from '../api.ts';
import type { ProviderField } from '../shapes.ts';

export type Offer = {
  readonly unique_key: string;
  readonly display_name: string;
  readonly docs: string | null;
  readonly provider: string;
  readonly auth_mode: string;
  readonly path: string;
  readonly in_popup: boolean;
  readonly connection_config: Readonly<Record<string, ProviderField>>;
  readonly credentials: Readonly<Record<string, ProviderField>>;
};

export type Connected = { readonly providerConfigKey: string; readonly connectionId: string };
export type Values = Readonly<Record<string, string>>;

const POPUP = 'popup,width=520,height=720';

/** Makes the connection. @throws Refusal with the provider's or the server's own message. */
export async function signIn(token: string, offer: Offer, config: Values, credentials: Values): Promise<Connected> {
  const path = offer.path.replace(':key', encodeURIComponent(offer.unique_key));
  const params = Object.fromEntries(Object.entries(config).map(([name, value]) => [`params[${name}]`, value]));
  if (!offer.in_popup) {
    const given = Object.fromEntries(Object.entries(credentials).filter(([, value]) => value !== ''));
    return askWith({ authorization: `Bearer ${token}` })<Connected>('POST', `${path}${search(params)}`, {
      body: given,
    });
  }
  return inPopup(`${path}${search({ ...params, connect_session_token: token })}`);
}

/** The popup's last page is this server's own, and tells how it ended. */
function inPopup(address: string): Promise<Connected> {
  const popup = window.open(address, '_blank', POPUP);
  if (popup === null) {
    const message = 'Your browser blocked the window of the sign-in: allow it for this page and try again.';
    return Promise.reject(new Refusal(0, { code: 'blocked_by_browser', message }));
  }
  return new Promise((resolve, reject) => {
    const onMessage = ({ origin, source, data }: MessageEvent<Partial<Record<string, string>>>) => {
      if (origin !== location.origin || source !== popup || data['type'] !== 'nango_sign_in') return;
      window.removeEventListener('message', onMessage);
      const { providerConfigKey, connectionId, code, message } = data;
      if (providerConfigKey !== undefined && connectionId !== undefined)
        return resolve({ providerConfigKey, connectionId });
      popup.close();
      reject(new Refusal(400, { ...(code !== undefined && { code }), ...(message !== undefined && { message }) }));
    };
    window.addEventListener('message', onMessage);
  });
}

/** What each auth mode asks for where the provider's entry does not say it itself. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, ProviderField>>>> = {
  API_KEY: { apiKey: { title: 'API key', secret: true } },
  BASIC: { username: { title: 'User name' }, password: { title: 'Password', secret: true, optional: true } },
  OAUTH2_CC: { client_id: { title: 'Client id' }, client_secret: { title: 'Client secret', secret: true } },
  SIGNATURE: { username: { title: 'User name' }, password: { title: 'Password', secret: true } },
  TBA: { token_id: { title: 'Token id' }, token_secret: { title: 'Token secret', secret: true } },
  BILL: {
    username: { title: 'User name' },
    password: { title: 'Password', secret: true },
    organization_id: { title: 'Organization id' },
    dev_key: { title: 'Developer key', secret: true },
  },
  AWS_SIGV4: {
    access_key_id: { title: 'Access key id' },
    secret_access_key: { title: 'Secret access key', secret: true },
    region: { title: 'Region', optional: true },
  },
};

/** What a provider may want besides what its mode has. */
const CERTIFICATE: readonly string[] = ['client_certificate', 'client_private_key'];

export function credentialFields({ auth_mode: mode, credentials, in_popup: inPopup_ }: Offer) {
  if (inPopup_) return {};
  const known = FIELDS[mode];
  // The entry may add titles, patterns and examples to the names that the mode has.
  if (known === undefined) return credentials;
  const asked = Object.keys(credentials).filter((name) => name in known || CERTIFICATE.includes(name));
  return Object.fromEntries(
    [...new Set([...Object.keys(known), ...asked])].map((name) => [name, { ...known[name], ...credentials[name] }]),
  );
}
