// biome-ignore-all lint/suspicious/noTemplateCurlyInString: provider files write their values so
/** What each key of a provider's entry does that says how a person signs in by OAuth 2, and what is asked for with the grant. */
import { expect, test } from '@jest/globals';
import type { Granted } from '../../contract/credentials.ts';
import { requestClientToken } from '../../outbound/auth/client-credentials.ts';
import { tokenUrl } from '../../outbound/auth/grammar.ts';
import { authorizationUrl, exchangeCode, readCallback, refreshOauth2 } from '../../outbound/auth/oauth2.ts';
import { registerClient } from '../../outbound/auth/registration.ts';
import { callHeaders } from '../../outbound/headers.ts';
import type { OF_OAUTH2 } from '../support/grammar-keys.ts';
import { acme, party } from '../support/outbound.ts';
import { type Entry, last, NOW, REDIRECT, type Shown, useTokenRequests } from '../support/token-requests.ts';
import type { UpstreamAnswer } from '../support/upstream.ts';

const { upstream, exchange, applicant, sent } = useTokenRequests();

/** Where a person would be sent. */
async function away(entry: Entry, scopes: string[] = [], extra: Record<string, string> = {}): Promise<URL> {
  const of = applicant({ authorization_url: 'https://acme.example/authorize', ...entry });
  return (await authorizationUrl(of, { redirectUri: REDIRECT, scopes, userScopes: [], extra })).url;
}

const TOKEN: UpstreamAnswer = { json: { access_token: 't', refresh_token: 'r', expires_in: 3600 } };

/** Redeems a code, and answers what was granted. */
async function redeem(entry: Entry, answer = TOKEN): Promise<Granted> {
  upstream.answerWith(answer);
  return exchangeCode(exchange, applicant(entry), { code: 'c', redirectUri: REDIRECT, verifier: undefined, now: NOW });
}

async function refresh(entry: Entry): Promise<Granted> {
  upstream.answerWith(TOKEN);
  return last(refreshOauth2(exchange, applicant(entry, { refresh_token: 'r0' }), NOW));
}

const register = async (entry: Entry) => {
  upstream.answerWith({ json: { client_id: 'new' } });
  return registerClient(exchange, applicant({ registration_url: `${upstream.url}/register`, ...entry }), REDIRECT);
};

const SHOWN: Shown<(typeof OF_OAUTH2)[number]> = {
  auth_mode: async () => [
    callHeaders(party({ auth_mode: 'BASIC' }, { username: 'u' }), {})['authorization'],
    'Basic dTo=',
  ],
  authorization_url: async () => [
    (await away({ authorization_url: 'https://acme.example/${connectionConfig.path}' })).pathname,
    '/a/b%20c',
  ],
  authorization_url_skip_encode: async () => [
    (await away({ authorization_url_skip_encode: ['scope'] }, ['a:b'])).search.includes('scope=a:b'),
    true,
  ],
  authorization_url_skip_empty: async () => {
    const empty = { authorization_params: { hint: '' } };
    return [
      [
        (await away(empty)).searchParams.has('hint'),
        (await away({ ...empty, authorization_url_skip_empty: true })).searchParams.has('hint'),
      ],
      [true, false],
    ];
  },
  authorization_url_fragment: async () => [(await away({ authorization_url_fragment: 'top' })).hash, '#top'],
  authorization_url_replacements: async () => [
    (await away({ authorization_url_replacements: { 'client_id=': 'client_key=' } })).searchParams.get('client_key'),
    'id',
  ],
  token_url: async () => [
    tokenUrl(acme({ auth_mode: 'OAUTH2', token_url: { OAUTH2: 'https://a', OAUTH2_CC: 'https://b' } }), 'OAUTH2_CC'),
    'https://b',
  ],
  token_url_skip_encode: async () => {
    await redeem({ token_url: `${upstream.url}/\${connectionConfig.path}`, token_url_skip_encode: ['path'] });
    return [sent().url, '/a/b%20c'];
  },
  authorization_params: async () => [
    (await away({ authorization_params: { prompt: true, hint: '${connectionConfig.path}' } })).searchParams.get('hint'),
    'a/b c',
  ],
  token_params: async () => {
    await redeem({ token_params: { audience: 'x' } });
    return [
      [sent().params.get('audience'), sent().params.get('grant_type')],
      ['x', 'authorization_code'],
    ];
  },
  refresh_params: async () => {
    await refresh({ refresh_params: { audience: 'y' } });
    return [
      [sent().params.get('audience'), sent().params.get('refresh_token')],
      ['y', 'r0'],
    ];
  },
  refresh_url: async () => {
    await refresh({ refresh_url: `${upstream.url}/refresh` });
    return [sent().url, '/refresh'];
  },
  scope_separator: async () => [(await away({ scope_separator: ',' }, ['a', 'b'])).searchParams.get('scope'), 'a,b'],
  default_scopes: async () => {
    upstream.answerWith(TOKEN);
    await last(requestClientToken(exchange, applicant({ auth_mode: 'OAUTH2_CC', default_scopes: ['r', 'w'] }), NOW));
    return [sent().params.get('scope'), 'r w'];
  },
  body_format: async () => {
    await redeem({ body_format: 'json' });
    const json = JSON.parse(String(sent().body)).code;
    await redeem({ body_format: 'query' });
    const query = [new URL(sent().url ?? '', upstream.url).searchParams.get('code'), String(sent().body)];
    const xml = await redeem({ body_format: 'xml' }).catch(({ code }) => code);
    return [
      [json, query, xml],
      ['c', ['c', ''], 'configuration_invalid'],
    ];
  },
  authorization_method: async () => {
    await redeem({ authorization_method: 'header' });
    return [sent().headers?.authorization, `Basic ${Buffer.from('id:secret').toString('base64')}`];
  },
  token_request_auth_method: async () => {
    await redeem({ token_request_auth_method: 'custom', token_headers: { authorization: 'Key ${clientSecret}' } });
    return [
      [sent().headers?.authorization, sent().params.has('client_secret')],
      ['Key secret', false],
    ];
  },
  disable_pkce: async () => [
    [
      (await away({})).searchParams.has('code_challenge'),
      (await away({ disable_pkce: true })).searchParams.has('code_challenge'),
    ],
    [true, false],
  ],
  alternate_access_token_response_path: async () => [
    (await redeem({ alternate_access_token_response_path: 'user.token' }, { json: { user: { token: 'u' } } }))
      .credentials['access_token'],
    'u',
  ],
  expires_in_unit: async () => [
    (await redeem({ expires_in_unit: 'milliseconds' })).expiresAt,
    new Date(NOW.getTime() + 3_600),
  ],
  token_expiration_buffer: async () => [
    (await redeem({ token_expiration_buffer: 60 })).refreshAt,
    new Date(NOW.getTime() + 3_540_000),
  ],
  authorization_code_param_in_callback: async () => [
    readCallback(
      applicant({ authorization_code_param_in_callback: 'auth_code' }),
      new URLSearchParams({ auth_code: 'x', state: 's' }),
    ),
    'x',
  ],
  token_response_metadata: async () => [
    (await redeem({ token_response_metadata: ['site.id'] }, { json: { access_token: 't', site: { id: 7 } } }))
      .connectionConfig,
    { 'site.id': 7 },
  ],
  token_headers: async () => {
    await redeem({ token_headers: { 'x-id': '${clientId}' } });
    return [sent().headers?.['x-id'], 'id'];
  },
  token_expires_in_ms: async () => [
    (await redeem({ token_expires_in_ms: 5_000 }, { json: { access_token: 't' } })).expiresAt,
    new Date(NOW.getTime() + 5_000),
  ],
  registration_url: async () => {
    await register({});
    return [sent().url, '/register'];
  },
  registration_params: async () => {
    await register({ registration_params: { client_name: 'Mine' } });
    return [
      JSON.parse(String(sent().body)),
      expect.objectContaining({ client_name: 'Mine', redirect_uris: [REDIRECT] }),
    ];
  },
};

test.each(Object.entries(SHOWN))('%s acts', async (_, show) => {
  const [shown, expected] = await show();
  expect(shown).toEqual(expected);
});
