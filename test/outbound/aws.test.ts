import { expect, test } from '@jest/globals';
import { assumeRole, awsHeaders } from '../../outbound/auth/aws.ts';
import { acme } from '../support/outbound.ts';
import { last, NOW, useTokenRequests } from '../support/token-requests.ts';

const { upstream, exchange, applicant, sent } = useTokenRequests();

// "get-vanilla" of the test suite that AWS publishes for Signature Version 4.
test('a call is signed as AWS publishes it', async () => {
  const applicant = {
    provider: acme({ auth_mode: 'AWS_SIGV4' }),
    connectionId: 'c1',
    providerConfigKey: 'aws',
    connectionConfig: { region: 'us-east-1', service: 'service' },
    credentials: { access_key_id: 'AKIDEXAMPLE', secret_access_key: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
    integration: {},
  };
  const call = { method: 'GET', url: new URL('https://example.amazonaws.com/'), headers: {}, body: undefined };
  const headers = await awsHeaders(applicant, call, new Date('2015-08-30T12:36:00Z'));
  expect(headers).toEqual({
    'x-amz-date': '20150830T123600Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  });
});

const ROLE = { role_arn: 'arn:aws:iam::123456789012:role/reader', external_id: 'e-1' };
const asker = (integration: Record<string, string>) => ({
  ...applicant({ auth_mode: 'AWS_SIGV4' }, { ...ROLE, region: 'eu-west-1', service: 's3' }),
  integration,
});

test("a role gets temporary keys by the integration's own, and calls are signed with these", async () => {
  const Credentials = { AccessKeyId: 'ASIA1', SecretAccessKey: 'temporary', SessionToken: 'session-1' };
  const Expiration = Date.parse('2026-01-01T01:00:00Z') / 1_000;
  upstream.answerWith({
    json: { AssumeRoleResponse: { AssumeRoleResult: { Credentials: { ...Credentials, Expiration } } } },
  });
  const of = asker({ aws_access_key_id: 'AKID', aws_secret_access_key: 'long-lived' });
  const { credentials, expiresAt } = await last(assumeRole(exchange, of, NOW));
  expect(Object.fromEntries(sent().params)).toMatchObject({
    ...{ Action: 'AssumeRole', RoleArn: ROLE.role_arn, ExternalId: 'e-1', RoleSessionName: 'nango-c1' },
  });
  expect(sent().headers?.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKID\/20260101\/us-east-1\/sts\/aws4_request, /,
  );
  expect(expiresAt).toEqual(new Date('2026-01-01T01:00:00Z'));
  const call = { method: 'GET', url: new URL('https://s3.eu-west-1.amazonaws.com/'), headers: {}, body: undefined };
  const headers = await awsHeaders({ ...of, credentials }, call, NOW);
  expect(headers).toMatchObject({ 'x-amz-security-token': 'session-1' });
  expect(headers['authorization']).toMatch(
    /^AWS4-HMAC-SHA256 Credential=ASIA1\/20260101\/eu-west-1\/s3\/aws4_request, /,
  );
});

test('a role without keys of the integration says where to set them', async () => {
  await expect(last(assumeRole(exchange, asker({}), NOW))).rejects.toMatchObject({ code: 'integration_incomplete' });
  expect(upstream.requests).toEqual([]);
});
