// SPDX-License-Identifier: Apache-2.0
import { type Checkpoint, connectOss, fromOss, type OssClient, type OssConstructor } from './oss_client.js';
import { markOf, type ResumeStore } from './resume_store.js';
import { typeOf } from './signed_upload.js';
import { SluiceError } from './sluice_error.js';
import type { TokenProvider } from './token_provider.js';
import { RunningUpload, type StoredObject, type Upload, type UploadOptions, type Way } from './upload.js';

export interface TokenUploadOptions extends UploadOptions {
  /** Where an unfinished upload is kept for after a reload, and whose it is. Without, a reload begins anew. */
  readonly resume?: { store: ResumeStore; owner: string };
  readonly partBytes?: number;
  readonly parallel?: number;
}

const WAY = 'token';
const PART_BYTES = 1024 * 1024;
const MOST_PARTS = 10_000;

/** A multipart upload by the official SDK under an STS token of one's own prefix. Goes on from its last part, also after a reload. */
export function uploadByToken(Oss: OssConstructor, tokens: TokenProvider, file: Blob, options: TokenUploadOptions): Upload {
  return new RunningUpload(new TokenWay(Oss, tokens, file, options), file.size, options);
}

class TokenWay implements Way {
  readonly resumable = true;
  private checkpoint: Checkpoint | undefined;

  constructor(
    private readonly Oss: OssConstructor,
    private readonly tokens: TokenProvider,
    private readonly file: Blob,
    private readonly options: TokenUploadOptions,
  ) {
    const { resume } = options;
    this.checkpoint = resume?.store.find<Checkpoint>(resume.owner, WAY, options.path, markOf(file))?.state;
  }

  async attempt(signal: AbortSignal, progress: (sentBytes: number) => void): Promise<StoredObject> {
    // One client for each try: the SDK's cancel flag is the client's.
    const client = await connectOss(this.Oss, this.tokens);
    const token = await this.tokens.token();
    signal.throwIfAborted();
    try {
      return await withSignal(signal, client, this.send(client, `${token.scope.prefix}${this.options.path}`, signal, progress));
    } catch (error) {
      signal.throwIfAborted();
      if ((error as { name?: string }).name === 'abort') throw this.lost();
      const failure = fromOss(error);
      if (failure.reason === 'NoSuchUpload') throw this.lost();
      if (failure.reason === 'SecurityTokenExpired') this.tokens.invalidate(token);
      throw failure;
    }
  }

  async discard(): Promise<void> {
    const checkpoint = this.checkpoint;
    this.forget();
    if (!checkpoint) return;
    const client = await connectOss(this.Oss, this.tokens);
    // What cannot be freed now the bucket's lifecycle rule frees.
    await client.abortMultipartUpload(checkpoint.name, checkpoint.uploadId).catch(() => undefined);
  }

  private async send(client: OssClient, key: string, signal: AbortSignal, progress: (sentBytes: number) => void) {
    progress(this.sentBytes());
    const answer = await client.multipartUpload(key, this.file, {
      partSize: this.options.partBytes ?? Math.max(PART_BYTES, Math.ceil(this.file.size / MOST_PARTS)),
      parallel: this.options.parallel ?? 3,
      mime: typeOf(this.file, this.options),
      // A copy, since the SDK writes into it, also from a try that was ended.
      ...(this.checkpoint && { checkpoint: structuredClone(this.checkpoint) }),
      progress: (_share, checkpoint) => {
        if (signal.aborted || !checkpoint) return;
        this.keep(checkpoint);
        progress(this.sentBytes());
      },
    });
    // 203 is an object whose callback failed, and no success.
    if (answer.res.status !== 200) {
      throw new SluiceError({ code: 'FAILED_PRECONDITION', reason: `HTTP_${answer.res.status}`, message: 'OSS stored the object, but its callback failed' });
    }
    this.forget();
    progress(this.file.size);
    return { path: this.options.path, bytes: this.file.size, etag: (answer.etag ?? '').replaceAll('"', '') };
  }

  private keep({ name, fileSize, partSize, uploadId, doneParts }: Checkpoint): void {
    this.checkpoint = { name, fileSize, partSize, uploadId, doneParts: doneParts.map(({ number, etag }) => ({ number, etag })) };
    const { resume, path } = this.options;
    resume?.store.save({
      owner: resume.owner,
      way: WAY,
      path,
      file: markOf(this.file),
      sentBytes: this.sentBytes(),
      state: this.checkpoint,
    });
  }

  private forget(): void {
    this.checkpoint = undefined;
    const { resume, path } = this.options;
    resume?.store.remove({ owner: resume.owner, way: WAY, path, file: markOf(this.file) });
  }

  // OSS knows the upload no more (finished elsewhere, or freed by the bucket's rule): the next try begins anew.
  private lost(): SluiceError {
    this.forget();
    return new SluiceError({ code: 'ABORTED', reason: 'NoSuchUpload', message: 'OSS no longer knows this upload' });
  }

  private sentBytes(): number {
    if (!this.checkpoint) return 0;
    const { doneParts, partSize, fileSize } = this.checkpoint;
    return doneParts.reduce((sum, { number }) => sum + Math.min(partSize, fileSize - (number - 1) * partSize), 0);
  }
}

// The SDK's cancel takes effect when a part under way has ended; the caller need not wait for it.
function withSignal<T>(signal: AbortSignal, client: OssClient, sending: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      client.cancel();
      reject(signal.reason);
    };
    signal.addEventListener('abort', stop, { once: true });
    sending.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
