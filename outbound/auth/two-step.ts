/** Tokens that are got by one or more calls of the provider's own making, as its entry describes them. */
import type { Granted } from '../../contract/credentials.ts';
import { EngineError, failureCode } from '../../contract/failures.ts';
import type { Exchange } from '../exchange.ts';
import { type Applicant, filled, granted, textOf } from './applicant.ts';
import { authGrammar, tokenUrl } from './grammar.ts';
import { askTokenEndpoint, bodyOf, type TokenAnswer, type TokenRequest } from './token-endpoint.ts';
import { endOfJwt, pick, readMoment, valueAt } from './token-response.ts';

type Templates = Readonly<Record<string, unknown>>;
type Step = {
  readonly url: string;
  readonly method: string;
  readonly params: Templates;
  readonly headers: Templates;
  readonly format: string;
};

/**
 * Calls `token_url` with `token_params`, then each of `additional_steps`; templates of a later one may hold
 * `${stepN.path}`, from the answer of call number N (from 1). `token_response` says where in the last answer the token is.
 * Where the entry has `refresh_token_params` and an earlier answer had a refresh token, one call with these is tried first.
 */
export async function* requestTwoStepToken(
  exchange: Exchange,
  applicant: Applicant,
  now: Date,
): AsyncGenerator<Granted> {
  const { provider } = applicant;
  const grammar = authGrammar(provider);
  const renewed = await refreshed(exchange, applicant);
  if (renewed !== undefined) {
    yield grantedBy(applicant, renewed, now);
    return;
  }
  const first: Step = {
    url: tokenUrl(provider),
    method: grammar.token_request_method,
    params: grammar.token_params,
    headers: grammar.token_headers,
    format: grammar.body_format,
  };
  const steps = [
    first,
    ...grammar.additional_steps.map((step) => ({
      url: step.token_url ?? first.url,
      method: step.token_request_method,
      params: step.token_params,
      headers: step.token_headers,
      format: step.body_format ?? first.format,
    })),
  ];
  const answers: TokenAnswer[] = [];
  for (const step of steps) answers.push(await askTokenEndpoint(exchange, requestOf(applicant, step, answers)));
  yield grantedBy(applicant, answers.at(-1) ?? {}, now);
}

/** The answer to the refresh token, undefined where there is none or the provider does not take it any more. */
async function refreshed(exchange: Exchange, applicant: Applicant): Promise<TokenAnswer | undefined> {
  const { provider, credentials } = applicant;
  const grammar = authGrammar(provider);
  const hasParams = Object.keys(grammar.refresh_token_params).length > 0;
  if (!hasParams || textOf(credentials, 'refresh_token') === undefined) return undefined;
  const step: Step = {
    url: grammar.refresh_url ?? tokenUrl(provider),
    method: grammar.token_request_method,
    params: grammar.refresh_token_params,
    headers: grammar.refresh_token_headers,
    format: grammar.body_format,
  };
  try {
    return await askTokenEndpoint(exchange, requestOf(applicant, step, []));
  } catch (error) {
    if (failureCode(error) !== 'grant_refused') throw error;
    return undefined;
  }
}

function grantedBy(applicant: Applicant, answer: TokenAnswer, now: Date): Granted {
  const grammar = authGrammar(applicant.provider);
  const described = grammar.token_response;
  const token = valueAt(answer, (described?.token ?? 'token').split('.'));
  if (typeof token !== 'string' || token === '') {
    throw new EngineError(
      'token_endpoint_failed',
      `The token endpoint of provider '${applicant.provider.name}' answered without a token at '${described?.token ?? 'token'}'.`,
    );
  }
  const expiresAt = endOf(answer, grammar, now) ?? endOfJwt(token);
  const path = described?.refresh_token?.split('.');
  const refreshToken = path === undefined ? undefined : valueAt(answer, path);
  const kept = {
    ...applicant.credentials,
    type: 'TWO_STEP',
    token,
    ...(typeof refreshToken === 'string' && { refresh_token: refreshToken }),
    expires_at: expiresAt?.toISOString() ?? null,
    raw: answer,
  };
  const end = { expiresAt, now, bufferSeconds: grammar.token_expiration_buffer };
  return granted(kept, end, pick(answer, grammar.token_response_metadata));
}

function endOf(answer: TokenAnswer, grammar: ReturnType<typeof authGrammar>, now: Date): Date | null {
  const { token_response: described, token_expires_in_ms: lifeMs } = grammar;
  const said =
    described?.token_expiration === undefined ? undefined : valueAt(answer, described.token_expiration.split('.'));
  if (said !== undefined && said !== null && described?.token_expiration_strategy === 'expireAt')
    return readMoment(said);
  const unit = grammar.expires_in_unit === 'milliseconds' ? 1 : 1_000;
  if (said !== undefined && Number.isFinite(Number(said))) return new Date(now.getTime() + Number(said) * unit);
  return lifeMs === undefined ? null : new Date(now.getTime() + lifeMs);
}

function requestOf(applicant: Applicant, step: Step, answers: readonly TokenAnswer[]): TokenRequest {
  const fill = (value: unknown, key: string): unknown => fillDeep(applicant, value, key, answers);
  const url = new URL(String(fill(step.url, 'token_url')));
  const params = fill(step.params, 'token_params') as Record<string, unknown>;
  const method = step.method.toUpperCase() === 'GET' ? 'GET' : 'POST';
  const inUrl = method === 'GET' || step.format === 'query';
  if (inUrl) for (const [name, value] of Object.entries(params)) url.searchParams.set(name, String(value));
  return {
    url: url.href,
    method,
    headers: fill(step.headers, 'token_headers') as Record<string, string>,
    body: inUrl || Object.keys(params).length === 0 ? undefined : bodyOf(params, step.format),
    takes: authGrammar(applicant.provider).token_response_headers,
  };
}

/** Values of earlier answers are put in after the rest, so that nothing in them is looked through again. */
function fillDeep(applicant: Applicant, value: unknown, key: string, answers: readonly TokenAnswer[]): unknown {
  if (typeof value === 'string') return fillText(applicant, value, key, answers);
  if (Array.isArray(value)) return value.map((item, index) => fillDeep(applicant, item, `${key}.${index}`, answers));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, fillDeep(applicant, item, `${key}.${name}`, answers)]),
  );
}

const STEP = /\$\{step(\d+)\.([^}]+)\}/;

function fillText(applicant: Applicant, template: string, key: string, answers: readonly TokenAnswer[]): string {
  const parts = template.split(STEP);
  let text = '';
  for (let index = 0; index < parts.length; index += 3) {
    text += filled(applicant, parts[index] ?? '', key);
    const number = parts[index + 1];
    if (number === undefined) break;
    const path = parts[index + 2] ?? '';
    const value = valueAt(answers[Number(number) - 1], path.split('.'));
    if (value === undefined || value === null) {
      throw new EngineError(
        'token_endpoint_failed',
        `Call ${number} for a token of provider '${applicant.provider.name}' answered without '${path}'.`,
      );
    }
    text += String(value);
  }
  return text;
}
