/**
 * The Authorization value of AWS Signature Version 4, for templates that ask for it (`awsSigV4`): a template is filled
 * without waiting, which the library that signs for the auth mode AWS_SIGV4 cannot do. Pure.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac } from 'node:crypto';

export type AwsCall = {
  readonly method: string;
  readonly host: string;
  /** As it stands in the URL. */
  readonly path: string;
  /** The query without its question mark. */
  readonly params: string;
  readonly body: string;
  readonly contentType: string | undefined;
  readonly now: Date;
};

export type AwsKeys = {
  readonly id: string;
  readonly secret: string;
  readonly region: string;
  readonly service: string;
};

/** Signs content type (where there is one), host and `x-amz-date`, which the call has to carry as `YYYYMMDDTHHmmss[Z]`. */
export function awsAuthorization(call: AwsCall, { id, secret, region, service }: AwsKeys): string {
  const moment = call.now.toISOString().replaceAll(/[:-]|\.\d{3}/g, '');
  const day = moment.slice(0, 8);
  const headers: [string, string][] = [
    ...(call.contentType === undefined ? [] : [['content-type', call.contentType] as [string, string]]),
    ['host', call.host],
    ['x-amz-date', moment],
  ];
  const signed = headers.map(([name]) => name).join(';');
  const request = [
    call.method,
    canonicalPath(call.path, service),
    canonicalQuery(call.params),
    ...headers.map(([name, value]) => `${name}:${value}`),
    '',
    signed,
    sha256(call.body),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', moment, scope, sha256(request)].join('\n');
  let key: Buffer | string = `AWS4${secret}`;
  for (const part of [day, region, service, 'aws4_request']) key = createHmac('sha256', key).update(part).digest();
  const signature = createHmac('sha256', key).update(text).digest('hex');
  return `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}

/** All services but S3 want the path encoded once more than it goes on the wire. */
function canonicalPath(path: string, service: string): string {
  return service === 's3' ? path : path.split('/').map(encode).join('/');
}

function canonicalQuery(params: string): string {
  const pairs = [...new URLSearchParams(params)].map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return pairs.sort().join('&');
}

/** Percent-encodes all but the unreserved characters of RFC 3986. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
