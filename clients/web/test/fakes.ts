// SPDX-License-Identifier: Apache-2.0
import type { FileMark, IssuedToken, OssClient, Sleep } from './library.js';

/** A clock that a test moves. */
export class FakeClock {
  ms = Date.parse('2026-01-01T00:00:00Z');
  readonly now = (): number => this.ms;
  advance(seconds: number): void {
    this.ms += seconds * 1000;
  }
}

/** Waits no time and remembers how long it should have been. */
export function fakeSleep(): { sleep: Sleep; waited: number[] } {
  const waited: number[] = [];
  const sleep: Sleep = async (ms, signal) => {
    waited.push(ms);
    await Promise.resolve();
    signal?.throwIfAborted();
  };
  return { sleep, waited };
}

/** A token of the broker's: an hour long, to be refreshed 16 minutes before its end. */
export function tokenAt(serverMs: number, id: string): IssuedToken {
  const at = (seconds: number): string => new Date(serverMs + seconds * 1000).toISOString();
  return {
    credentials: { accessKeyId: `STS.${id}`, accessKeySecret: 'secret', securityToken: `token-${id}` },
    serverTime: at(0),
    refreshAfter: at(44 * 60),
    expireTime: at(60 * 60),
    scope: { bucket: 'b', region: 'cn-hangzhou', endpoint: 'http://127.0.0.1:9000', prefix: 'uploads/alice/', operations: ['OPERATION_UPLOAD'] },
    grantId: 'g1',
  };
}

/** What a file input gives. */
export function fileOf(bytes: Uint8Array<ArrayBuffer> | number, mark: Partial<FileMark> = {}): File {
  const content = typeof bytes === 'number' ? new Uint8Array(bytes) : bytes;
  const file = new Blob([content], { type: 'image/png' });
  return Object.assign(file, { name: mark.name ?? 'cat.png', lastModified: mark.lastModified ?? 1 }) as unknown as File;
}

export class FakeStorage {
  private readonly items = new Map<string, string>();
  get length(): number {
    return this.items.size;
  }
  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null;
  }
  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }
  removeItem(key: string): void {
    this.items.delete(key);
  }
}

/** A promise that a test settles. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void; fail: (error: unknown) => void } {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** Until `holds`, a turn of the event loop at a time. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); ++turn) {
    if (turn > 1000) throw new Error('it never came true');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const cut = (): object => ({ status: -1, name: 'RequestError', message: 'cut' });

/** Multipart as the SDK does it, in memory; `parts` says which arrive before it stops. */
export class FakeOss implements OssClient {
  static uploads = new Map<string, Set<number>>();
  static made: FakeOss[] = [];
  static stopAfter: number[] = [];
  static stopWith: () => unknown = cut;
  static completed: string[] = [];
  static aborted: string[] = [];
  static next = 0;
  cancelled = false;

  static reset(): void {
    FakeOss.uploads.clear();
    FakeOss.made = [];
    FakeOss.stopAfter = [];
    FakeOss.stopWith = cut;
    FakeOss.completed = [];
    FakeOss.aborted = [];
  }

  constructor(readonly options: Record<string, unknown>) {
    FakeOss.made.push(this);
  }

  async multipartUpload(...[name, file, options]: Parameters<OssClient['multipartUpload']>) {
    const checkpoint = options.checkpoint ?? { name, fileSize: file.size, partSize: options.partSize, uploadId: `id-${++FakeOss.next}`, doneParts: [] };
    if (!options.checkpoint) FakeOss.uploads.set(checkpoint.uploadId, new Set());
    const parts = FakeOss.uploads.get(checkpoint.uploadId);
    if (!parts) throw { status: 0, name: 'abort', message: 'upload task has been abort' };
    options.progress(0, checkpoint);
    const stopAfter = FakeOss.stopAfter.shift() ?? Number.POSITIVE_INFINITY;
    let sent = 0;
    for (let number = 1; (number - 1) * checkpoint.partSize < checkpoint.fileSize; ++number) {
      if (checkpoint.doneParts.some((part) => part.number === number)) continue;
      if (sent++ === stopAfter) throw FakeOss.stopWith();
      await new Promise((resolve) => setImmediate(resolve));
      if (this.cancelled) throw { status: 0, name: 'cancel' };
      parts.add(number);
      checkpoint.doneParts.push({ number, etag: `"e${number}"` });
      options.progress(0.5, checkpoint);
    }
    FakeOss.completed.push(checkpoint.uploadId);
    return { etag: '"whole"', res: { status: 200 } };
  }

  cancel(): void {
    this.cancelled = true;
  }

  async abortMultipartUpload(_name: string, uploadId: string): Promise<void> {
    FakeOss.aborted.push(uploadId);
  }

  async put(): Promise<void> {}

  async listV2(): ReturnType<OssClient['listV2']> {
    return {};
  }
}
