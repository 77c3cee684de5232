// biome-ignore-all lint/suspicious/noTemplateCurlyInString: provider files write their values so
/** What each key of a provider's entry does that says how tokens of the other modes are got or made. */
import { createVerify, generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { exchangeVerifier, requestTokenUrl } from '../../outbound/auth/oauth1.ts';
import { signJwt, signWsse } from '../../outbound/auth/signed-token.ts';
import { requestTwoStepToken } from '../../outbound/auth/two-step.ts';
import type { OF_OTHER_MODES } from '../support/grammar-keys.ts';
import { type Entry, last, NOW, REDIRECT, type Shown, useTokenRequests } from '../support/token-requests.ts';
import type { UpstreamAnswer } from '../support/upstream.ts';

const { upstream, exchange, applicant, sent } = useTokenRequests();

async function twoSteps(entry: Entry, answers: UpstreamAnswer[], credentials: Record<string, unknown> = {}) {
  upstream.answerWith(...answers);
  const of = applicant({ auth_mode: 'TWO_STEP', ...entry }, { user: 'ada', ...credentials });
  return last(requestTwoStepToken(exchange, of, NOW));
}

const HMAC = { signing_key: '${credentials.key}', header: { alg: 'HS256', kid: '${credentials.id}' } };
async function jwt(token: Entry): Promise<string> {
  const of = applicant({ auth_mode: 'JWT', token: { ...HMAC, ...token } }, { key: 'x'.repeat(32), id: 'k1' });
  return String((await last(signJwt(exchange, of, NOW))).credentials['token']);
}

const ONE: Entry = { auth_mode: 'OAUTH1', authorization_url: 'https://acme.example/authorize' };
const ONE_TOKEN: UpstreamAnswer = {
  body: 'oauth_token=k&oauth_token_secret=s',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
};
async function requestToken(entry: Entry): Promise<string> {
  upstream.answerWith(ONE_TOKEN);
  await requestTokenUrl(exchange, applicant({ ...ONE, request_url: `${upstream.url}/request`, ...entry }), REDIRECT);
  return sent().headers?.authorization ?? '';
}

const wsse = () =>
  last(
    signWsse(
      exchange,
      applicant({ auth_mode: 'SIGNATURE', signature: { protocol: 'WSSE' } }, { username: 'ada', password: 'p' }),
      NOW,
    ),
  );
const steps = (step: Entry) =>
  twoSteps({ additional_steps: [step], token_response: { token: 'token' } }, [
    { json: { ticket: 'T' } },
    { json: { token: 't2' } },
  ]);

const SHOWN: Shown<(typeof OF_OTHER_MODES)[number]> = {
  request_url: async () => {
    await requestToken({});
    return [sent().url, '/request'];
  },
  request_params: async () => {
    await requestToken({ request_params: { scope: 'r' } });
    return [sent().url, '/request?scope=r'];
  },
  request_http_method: async () => {
    await requestToken({ request_http_method: 'GET' });
    return [sent().method, 'GET'];
  },
  token_http_method: async () => {
    upstream.answerWith(ONE_TOKEN);
    const of = applicant({ ...ONE, token_http_method: 'GET' });
    await exchangeVerifier(exchange, of, { token: { key: 'k', secret: 's' }, verifier: 'v', now: NOW });
    return [
      [sent().method, sent().url],
      ['GET', '/token'],
    ];
  },
  signature_method: async () => [
    await requestToken({ signature_method: 'PLAINTEXT' }),
    expect.stringContaining('oauth_signature="secret%26"'),
  ],
  signature: async () => [(await wsse()).credentials['token'], expect.stringContaining('UsernameToken Username="ada"')],
  'signature.protocol': async () => {
    const other = applicant({ auth_mode: 'SIGNATURE', signature: { protocol: 'OTHER' } });
    return [await last(signWsse(exchange, other, NOW)).catch(({ code }) => code), 'configuration_invalid'];
  },
  'signature.hmac_secret_encoding': async () => {
    const secret = '00112233445566778899aabbccddeeff'.repeat(2);
    const signedAs = async (encoding: string, key = secret) => {
      const signature = { protocol: 'HMAC', hmac_secret_encoding: encoding };
      const of = applicant({ auth_mode: 'JWT', signature, token: HMAC }, { key, id: 'k1' });
      return String((await last(signJwt(exchange, of, NOW))).credentials['token']);
    };
    const goodUnder = async (token: string, key: Uint8Array) =>
      jwtVerify(token, key, { currentDate: NOW }).then(
        () => true,
        () => false,
      );
    const [hex, utf8] = [await signedAs('hex'), await signedAs('utf8')];
    const bytes = [Buffer.from(secret, 'hex'), Buffer.from(secret)];
    return [
      [
        ...(await Promise.all(bytes.map((key) => goodUnder(hex, key)))),
        ...(await Promise.all(bytes.map((key) => goodUnder(utf8, key)))),
        await signedAs('hex', 'no hex').catch(({ code }) => code),
      ],
      [true, false, false, true, 'grant_refused'],
    ];
  },
  token: async () => [decodeProtectedHeader(await jwt({})).alg, 'HS256'],
  'token.signing_key': async () => [
    await last(signJwt(exchange, applicant({ auth_mode: 'JWT', token: {} }), NOW)).catch(({ code }) => code),
    'configuration_invalid',
  ],
  'token.expires_in_ms': async () => [decodeJwt(await jwt({ expires_in_ms: 60_000 })).exp, NOW.getTime() / 1_000 + 60],
  'token.header': async () => [decodeProtectedHeader(await jwt({})).kid, 'k1'],
  'token.payload': async () => [
    decodeJwt(await jwt({ payload: { iss: '${credentials.id}', ratio: 0.5 } })),
    expect.objectContaining({ iss: 'k1', ratio: 0.5 }),
  ],
  token_request_method: async () => {
    await twoSteps({ token_request_method: 'GET', token_params: { user: '${credentials.user}' } }, [
      { json: { token: 't' } },
    ]);
    return [
      [sent().method, sent().url],
      ['GET', '/token?user=ada'],
    ];
  },
  token_response: async () => [(await twoSteps({}, [{ json: { token: 'plain' } }])).credentials['token'], 'plain'],
  'token_response.token': async () => [
    (await twoSteps({ token_response: { token: 'data.t' } }, [{ json: { data: { t: 'x' } } }])).credentials['token'],
    'x',
  ],
  'token_response.token_expiration': async () => [
    (await twoSteps({ token_response: { token: 't', token_expiration: 'life' } }, [{ json: { t: 'x', life: 60 } }]))
      .expiresAt,
    new Date(NOW.getTime() + 60_000),
  ],
  'token_response.token_expiration_strategy': async () => {
    const token_response = { token: 't', token_expiration: 'end', token_expiration_strategy: 'expireAt' };
    const end = '2026-02-01T00:00:00.000Z';
    return [(await twoSteps({ token_response }, [{ json: { t: 'x', end } }])).expiresAt, new Date(end)];
  },
  'token_response.refresh_token': async () => [
    (await twoSteps({ token_response: { token: 't', refresh_token: 'again' } }, [{ json: { t: 'x', again: 'r1' } }]))
      .credentials['refresh_token'],
    'r1',
  ],
  token_response_headers: async () => {
    const entry = { token_response: { token: 'X-Subject' }, token_response_headers: ['X-Subject'] };
    return [
      (await twoSteps(entry, [{ headers: { 'x-subject': 'from a header' }, body: '' }])).credentials['token'],
      'from a header',
    ];
  },
  additional_steps: async () => [(await steps({})).credentials['token'], 't2'],
  'additional_steps.token_url': async () => {
    await steps({ token_url: `${upstream.url}/session/\${step1.ticket}` });
    return [sent().url, '/session/T'];
  },
  'additional_steps.token_params': async () => {
    await steps({ token_params: { ticket: '${step1.ticket}' } });
    return [sent().params.get('ticket'), 'T'];
  },
  'additional_steps.token_headers': async () => {
    await steps({ token_headers: { 'x-ticket': '${step1.ticket}' } });
    return [sent().headers?.['x-ticket'], 'T'];
  },
  'additional_steps.token_request_method': async () => {
    await steps({ token_request_method: 'GET' });
    return [upstream.requests.map(({ method }) => method), ['POST', 'GET']];
  },
  'additional_steps.body_format': async () => {
    await steps({ body_format: 'json', token_params: { a: 1 } });
    return [JSON.parse(String(sent().body)), { a: 1 }];
  },
  refresh_token_params: async () => {
    const entry = { refresh_url: `${upstream.url}/again`, refresh_token_params: { r: '${credentials.refresh_token}' } };
    const renewed = await twoSteps(entry, [{ json: { token: 'next' } }], { refresh_token: 'r0' });
    const first = [renewed.credentials['token'], sent().url, sent().params.get('r')];
    // One that is not taken any more: everything is done again.
    await twoSteps(entry, [{ status: 401, json: { error: 'invalid_grant' } }, { json: { token: 'anew' } }], {
      refresh_token: 'r0',
    });
    return [
      [first, upstream.requests.map(({ url }) => url)],
      [
        ['next', '/again', 'r0'],
        ['/again', '/again', '/token'],
      ],
    ];
  },
  refresh_token_headers: async () => {
    const entry = { refresh_token_params: { r: 1 }, refresh_token_headers: { 'x-r': '${credentials.refresh_token}' } };
    await twoSteps(entry, [{ json: { token: 'next' } }], { refresh_token: 'r0' });
    return [sent().headers?.['x-r'], 'r0'];
  },
};

test.each(Object.entries(SHOWN))('%s acts', async (_, show) => {
  const [shown, expected] = await show();
  expect(shown).toEqual(expected);
});

test('what a person chose for an assertion is filled in', async () => {
  const entry = { token_params: { sub: '${assertionOption.sub}' } };
  await twoSteps(entry, [{ json: { token: 't' } }], { assertionOption: { sub: 'ada' } });
  expect(sent().params.get('sub')).toBe('ada');
});

test('RSA-SHA1: the client secret is a private key, and the signature is good under its public one', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const secret = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const request = `${upstream.url}/request`;
  const of = applicant({ ...ONE, request_url: request, signature_method: 'RSA-SHA1' });
  upstream.answerWith(ONE_TOKEN);
  await requestTokenUrl(exchange, { ...of, integration: { client_id: 'id', client_secret: secret } }, REDIRECT);
  const header = sent().headers?.authorization ?? '';
  const fields = [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value] as const);
  const { oauth_signature: signature = '', ...signed } = Object.fromEntries(fields);
  expect(signed).toMatchObject({ oauth_signature_method: 'RSA-SHA1', oauth_callback: encodeURIComponent(REDIRECT) });
  const normal = Object.entries(signed).map((pair) => pair.join('='));
  const base = ['POST', request, normal.sort().join('&')].map(encodeURIComponent).join('&');
  expect(createVerify('RSA-SHA1').update(base).verify(publicKey, decodeURIComponent(signature), 'base64')).toBe(true);
});
