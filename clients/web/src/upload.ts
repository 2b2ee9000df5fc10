// SPDX-License-Identifier: Apache-2.0
import { backoffMs, type Sleep, sleep } from './backoff.js';
import { cancelled, SluiceError } from './sluice_error.js';

export interface StoredObject {
  /** Relative to the grant's prefix. */
  readonly path: string;
  readonly bytes: number;
  /** As OSS gave it; empty where the way does not tell. */
  readonly etag: string;
}

/** `waiting`: the network or the server failed, and it goes on by itself. The last three are final. */
export type UploadState = 'running' | 'paused' | 'waiting' | 'done' | 'failed' | 'cancelled';

export interface UploadOptions {
  /** One object, relative to the grant's prefix. */
  readonly path: string;
  readonly contentType?: string;
  readonly onProgress?: (sentBytes: number, totalBytes: number) => void;
  readonly onState?: (state: UploadState, why?: SluiceError) => void;
  /** Failures in a row, without a byte of progress between them, before it fails; 8 without. */
  readonly tries?: number;
  readonly sleep?: Sleep;
}

/** One upload under way. */
export interface Upload {
  /** Settles once, whatever happens: with the object, or with a `SluiceError`. A pause does not settle it. */
  readonly done: Promise<StoredObject>;
  readonly state: UploadState;
  /** Whether it goes on where it was; else everything is sent again. */
  readonly resumable: boolean;
  pause(): void;
  resume(): void;
  /** Gives it up and frees what the server holds of it. */
  cancel(): Promise<void>;
}

/** What tells the ways apart: one try, which `signal` ends, and how to free what tries have left. */
export interface Way {
  readonly resumable: boolean;
  attempt(signal: AbortSignal, progress: (sentBytes: number) => void): Promise<StoredObject>;
  discard(): Promise<void>;
}

const DEFAULT_TRIES = 8;

/** Pause, resume, cancel and waiting for the network, the same for every way. Starts at once. */
export class RunningUpload implements Upload {
  readonly done: Promise<StoredObject>;
  readonly resumable: boolean;
  private current: UploadState = 'running';
  private attempt: AbortController | undefined;
  private failures = 0;
  private furthest = 0;
  private readonly sleep: Sleep;
  private settle!: { resolve: (object: StoredObject) => void; reject: (error: SluiceError) => void };

  constructor(
    private readonly way: Way,
    private readonly totalBytes: number,
    private readonly options: UploadOptions,
  ) {
    this.resumable = way.resumable;
    this.sleep = options.sleep ?? sleep;
    this.done = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.run();
  }

  get state(): UploadState {
    return this.current;
  }

  pause(): void {
    if (this.current !== 'running' && this.current !== 'waiting') return;
    this.become('paused');
    this.attempt?.abort();
  }

  resume(): void {
    if (this.current !== 'paused') return;
    this.failures = 0;
    this.run();
  }

  async cancel(): Promise<void> {
    if (this.isFinal()) return;
    this.become('cancelled');
    this.attempt?.abort();
    // Whoever gives it up need not listen as well.
    this.done.catch(() => undefined);
    this.settle.reject(cancelled());
    await this.way.discard();
  }

  private isFinal(): boolean {
    return this.current === 'done' || this.current === 'failed' || this.current === 'cancelled';
  }

  private become(state: UploadState, why?: SluiceError): void {
    this.current = state;
    this.options.onState?.(state, why);
  }

  private run(): void {
    const attempt = new AbortController();
    this.attempt = attempt;
    this.become('running');
    const progress = (sentBytes: number): void => {
      if (attempt.signal.aborted) return;
      if (sentBytes > this.furthest) {
        this.furthest = sentBytes;
        this.failures = 0;
      }
      this.options.onProgress?.(sentBytes, this.totalBytes);
    };
    this.way.attempt(attempt.signal, progress).then(
      (object) => {
        // Also of an attempt whose pause came too late.
        if (this.isFinal()) return;
        this.attempt?.abort();
        this.become('done');
        this.settle.resolve(object);
      },
      (error: unknown) => {
        if (!attempt.signal.aborted) this.failed(asSluiceError(error), attempt);
      },
    );
  }

  private failed(error: SluiceError, attempt: AbortController): void {
    if (!error.retryable || ++this.failures >= (this.options.tries ?? DEFAULT_TRIES)) {
      this.become('failed', error);
      this.settle.reject(error);
      return;
    }
    this.become('waiting', error);
    this.sleep(backoffMs(this.failures, error.retryAfterMs), attempt.signal).then(
      () => this.run(),
      () => undefined,
    );
  }
}

function asSluiceError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SluiceError({ code: 'INTERNAL', reason: 'CLIENT_FAULT', message }, error);
}
