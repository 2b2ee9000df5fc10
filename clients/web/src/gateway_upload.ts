// SPDX-License-Identifier: Apache-2.0
import { DetailedError, type HttpRequest, type HttpResponse, Upload as TusUpload } from 'tus-js-client';
import type { JwtSource } from './broker_client.js';
import { markOf, type ResumeStore } from './resume_store.js';
import { typeOf } from './signed_upload.js';
import { codeOfStatus, SluiceError, unreachable } from './sluice_error.js';
import { RunningUpload, type StoredObject, type Upload, type UploadOptions, type Way } from './upload.js';

export interface Gateway {
  /** Such as `https://gateway.example.com`. */
  readonly url: string;
  /** Gives a JWT of the gateway's audience, asked for before each request. */
  readonly jwt: JwtSource;
}

export interface GatewayUploadOptions extends UploadOptions {
  readonly grant?: string;
  readonly overwrite?: boolean;
  /** Kept as the object's own metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Where an unfinished upload is kept for after a reload, and whose it is. Without, a reload begins anew. */
  readonly resume?: { store: ResumeStore; owner: string };
  /** Most bytes in one request, for proxies that limit a body; 16 MiB without. */
  readonly chunkBytes?: number;
}

const WAY = 'gateway';
const CHUNK_BYTES = 16 * 1024 * 1024;
const KEEP_EVERY = 256 * 1024;

/** Through the upload gateway by tus 1.0. Goes on from the last byte that the gateway has made durable, on any replica, also after a reload. */
export function uploadByGateway(gateway: Gateway, file: Blob, options: GatewayUploadOptions): Upload {
  return new RunningUpload(new GatewayWay(gateway, file, options), file.size, options);
}

class GatewayWay implements Way {
  readonly resumable = true;
  private url: string | undefined;
  private keptBytes = 0;
  private jwt = '';
  private refusedJwt: string | undefined;

  constructor(
    private readonly gateway: Gateway,
    private readonly file: Blob,
    private readonly options: GatewayUploadOptions,
  ) {
    const { resume } = options;
    this.url = resume?.store.find<{ url: string }>(resume.owner, WAY, options.path, markOf(file))?.state.url;
  }

  attempt(signal: AbortSignal, progress: (sentBytes: number) => void): Promise<StoredObject> {
    const { file, options } = this;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const stop = (): void => {
        // Ends the request under way; what the gateway has of it stays.
        upload.abort().catch(() => undefined);
        reject(signal.reason);
      };
      const upload = new TusUpload(file as File, {
        ...this.common(),
        endpoint: `${this.gateway.url.replace(/\/+$/, '')}/files/`,
        ...(this.url && { uploadUrl: this.url }),
        metadata: this.metadata(),
        chunkSize: options.chunkBytes ?? CHUNK_BYTES,
        onUploadUrlAvailable: () => {
          if (!signal.aborted && upload.url) this.keep(upload.url, 0);
        },
        onProgress: (sent) => {
          // Only for the eye: after a reload the gateway is asked what it holds.
          if (!signal.aborted && upload.url && sent > this.keptBytes + KEEP_EVERY) this.keep(upload.url, sent);
          progress(sent);
        },
        onSuccess: () => {
          signal.removeEventListener('abort', stop);
          this.forget();
          progress(file.size);
          resolve({ path: options.path, bytes: file.size, etag: '' });
        },
        onError: (error) => {
          signal.removeEventListener('abort', stop);
          reject(this.failure(error));
        },
      });
      signal.addEventListener('abort', stop, { once: true });
      upload.start();
    });
  }

  async discard(): Promise<void> {
    const url = this.url;
    this.forget();
    // What cannot be freed now expires at the gateway.
    if (url) await TusUpload.terminate(url, this.common()).catch(() => undefined);
  }

  // Tries are RunningUpload's, and what is kept is the ResumeStore's: one rule for every way.
  private common() {
    return {
      retryDelays: null,
      storeFingerprintForResuming: false,
      onBeforeRequest: async (request: HttpRequest) => {
        this.jwt = await this.gateway.jwt(this.refusedJwt);
        request.setHeader('Authorization', `Bearer ${this.jwt}`);
      },
      onAfterResponse: (_request: HttpRequest, response: HttpResponse) => {
        if (response.getStatus() !== 401) this.refusedJwt = undefined;
      },
    };
  }

  private metadata(): Record<string, string> {
    const { path, grant, overwrite, metadata } = this.options;
    return {
      ...metadata,
      path,
      filetype: typeOf(this.file, this.options),
      ...(grant && { grant }),
      ...(overwrite && { overwrite: 'true' }),
    };
  }

  private keep(url: string, sentBytes: number): void {
    this.url = url;
    this.keptBytes = sentBytes;
    const { resume, path } = this.options;
    resume?.store.save({ owner: resume.owner, way: WAY, path, file: markOf(this.file), sentBytes, state: { url } });
  }

  private forget(): void {
    this.url = undefined;
    const { resume, path } = this.options;
    resume?.store.remove({ owner: resume.owner, way: WAY, path, file: markOf(this.file) });
  }

  private failure(error: Error): SluiceError {
    const response = error instanceof DetailedError ? error.originalResponse : null;
    if (!response) return unreachable('the gateway', error);
    const status = response.getStatus();
    const said = parse(response.getBody());
    // The next try comes with another JWT; a second refusal in a row is believed.
    const tryAnotherJwt = status === 401 && this.refusedJwt === undefined;
    if (status === 401) this.refusedJwt = this.jwt;
    const seconds = Number(response.getHeader('Retry-After') ?? Number.NaN);
    return new SluiceError(
      {
        code: tryAnotherJwt ? 'UNAVAILABLE' : (said.code ?? codeOfStatus(status)),
        reason: said.reason ?? `HTTP_${status}`,
        message: said.message ?? `the gateway answered ${status}`,
        ...(said.requestId && { requestId: said.requestId }),
        ...(seconds >= 0 && { retryAfterMs: seconds * 1000 }),
      },
      error,
    );
  }
}

function parse(body: string): Partial<Record<'code' | 'reason' | 'message' | 'requestId', string>> {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}
