// SPDX-License-Identifier: Apache-2.0
import type {
  Grant,
  IssuedToken,
  IssueTokenRequest,
  PlanUploadRequest,
  SignedForm,
  SignedUrls,
  SignFormRequest,
  SignUrlRequest,
  UploadPlan,
} from './messages.js';
import { codeOfStatus, SluiceError, unreachable } from './sluice_error.js';

/** Gives the user's JWT. Asked before each call; `rejected` is the one that the server has just refused, so a new one is wanted. */
export type JwtSource = (rejected?: string) => string | Promise<string>;

export interface BrokerOptions {
  /** Such as `https://broker.example.com`. */
  readonly url: string;
  readonly jwt: JwtSource;
  readonly fetch?: typeof fetch;
}

/** The broker over HTTP and JSON. A refusal is a `SluiceError` with the broker's reason. */
export class BrokerClient {
  private readonly url: string;
  private readonly jwt: JwtSource;
  private readonly fetch: typeof fetch;

  constructor({ url, jwt, fetch = globalThis.fetch }: BrokerOptions) {
    this.url = url.replace(/\/+$/, '');
    this.jwt = jwt;
    // A page's fetch must be called as the window's own.
    this.fetch = (input, init) => fetch(input, init);
  }

  issueToken(request: IssueTokenRequest, signal?: AbortSignal): Promise<IssuedToken> {
    return this.call('/v1/tokens:issue', request, signal);
  }

  signUrl(request: SignUrlRequest, signal?: AbortSignal): Promise<SignedUrls> {
    return this.call('/v1/urls:sign', request, signal);
  }

  signForm(request: SignFormRequest, signal?: AbortSignal): Promise<SignedForm> {
    return this.call('/v1/forms:sign', request, signal);
  }

  planUpload(request: PlanUploadRequest, signal?: AbortSignal): Promise<UploadPlan> {
    return this.call('/v1/uploads:plan', request, signal);
  }

  async listGrants(signal?: AbortSignal): Promise<Grant[]> {
    const answer = await this.call<{ grants?: Grant[] }>('/v1/grants', undefined, signal);
    return answer.grants ?? [];
  }

  private async call<Answer>(path: string, request: object | undefined, signal: AbortSignal | undefined): Promise<Answer> {
    const jwt = await this.jwt();
    try {
      return await this.callWith(jwt, path, request, signal);
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'UNAUTHENTICATED') throw error;
      const next = await this.jwt(jwt);
      if (next === jwt) throw error;
      return await this.callWith(next, path, request, signal);
    }
  }

  private async callWith<Answer>(
    jwt: string,
    path: string,
    request: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const headers: Record<string, string> = { authorization: `Bearer ${jwt}` };
    const init: RequestInit = { method: request ? 'POST' : 'GET', headers, cache: 'no-store', credentials: 'omit' };
    if (request) {
      headers['content-type'] = 'application/json';
      init.body = JSON.stringify(request);
    }
    if (signal) init.signal = signal;
    let answer: Response;
    let body: unknown;
    try {
      answer = await this.fetch(this.url + path, init);
      body = await answer.json().catch(() => undefined);
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable('the broker', error);
    }
    if (answer.ok && body !== undefined) return body as Answer;
    throw refusal(answer, body);
  }
}

function refusal(answer: Response, body: unknown): SluiceError {
  const said = (body ?? {}) as Partial<Record<'code' | 'reason' | 'message' | 'requestId', string>> & {
    metadata?: Record<string, string>;
  };
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
  return new SluiceError({
    code: said.code ?? codeOfStatus(answer.ok ? 502 : answer.status),
    reason: said.reason ?? `HTTP_${answer.status}`,
    message: said.message ?? `the broker answered ${answer.status} with something else than JSON`,
    ...(said.metadata && { metadata: said.metadata }),
    ...(said.requestId && { requestId: said.requestId }),
    ...(seconds >= 0 && { retryAfterMs: seconds * 1000 }),
  });
}
