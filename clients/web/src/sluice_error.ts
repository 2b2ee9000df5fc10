// SPDX-License-Identifier: Apache-2.0

/** What went wrong, in the words of the broker, of OSS or of the network. `reason` is stable, `message` is for a person. */
export interface Failure {
  /** A gRPC status name, such as `PERMISSION_DENIED`. */
  readonly code: string;
  /** A reason of the broker's or the gateway's table, OSS's error code, or one of the `NETWORK_...` of this library. */
  readonly reason: string;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Finds the call in the server's log. */
  readonly requestId?: string;
  /** How long the server asks to be left alone. */
  readonly retryAfterMs?: number | undefined;
}

const RETRYABLE = new Set(['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'ABORTED', 'DATA_LOSS']);

export class SluiceError extends Error implements Failure {
  override readonly name = 'SluiceError';
  readonly code: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly requestId: string;
  readonly retryAfterMs: number | undefined;

  constructor(failure: Failure, cause?: unknown) {
    super(failure.message, cause === undefined ? undefined : { cause });
    this.code = failure.code;
    this.reason = failure.reason;
    this.metadata = failure.metadata ?? {};
    this.requestId = failure.requestId ?? '';
    this.retryAfterMs = failure.retryAfterMs;
  }

  /** Whether the same call may go well later. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

/** No answer came: the network, a server that is down, or an origin that CORS does not let in, which a page cannot tell apart. */
export function unreachable(what: string, cause?: unknown): SluiceError {
  return new SluiceError({ code: 'UNAVAILABLE', reason: 'NETWORK_UNREACHABLE', message: `${what} cannot be reached` }, cause);
}

/** The end of an upload that its owner gave up. */
export function cancelled(): SluiceError {
  return new SluiceError({ code: 'CANCELLED', reason: 'CALL_CANCELLED', message: 'given up' });
}

const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  410: 'NOT_FOUND',
  413: 'OUT_OF_RANGE',
  429: 'RESOURCE_EXHAUSTED',
  460: 'DATA_LOSS',
};

export function codeOfStatus(status: number): string {
  return CODE_OF_STATUS[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'UNKNOWN');
}

/** An error of OSS: XML with `Code`, `Message` and `RequestId`. */
export function ossFailure(status: number, body: string): SluiceError {
  const text = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? '';
  return new SluiceError({
    code: codeOfStatus(status),
    reason: text('Code') || `HTTP_${status}`,
    message: text('Message') || `OSS answered ${status}`,
    requestId: text('RequestId'),
  });
}
