import { expect, test } from '@jest/globals';
import { awsHeaders } from '../../outbound/auth/aws.ts';
import { acme } from '../support/outbound.ts';

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
