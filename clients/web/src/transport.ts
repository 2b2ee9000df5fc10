// SPDX-License-Identifier: Apache-2.0
import { unreachable } from './sluice_error.js';

export interface OutgoingRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Blob | FormData;
}

export interface Answer {
  readonly status: number;
  header(name: string): string | null;
  readonly body: string;
}

/** Sends one request and tells how much of its body has gone. `NETWORK_UNREACHABLE` where no answer comes. */
export type Transport = (
  request: OutgoingRequest,
  signal: AbortSignal,
  progress: (sentBytes: number) => void,
) => Promise<Answer>;

/** XMLHttpRequest, since `fetch` does not tell how much of a body has gone. */
export const xhrTransport: Transport = (request, signal, progress) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const xhr = new XMLHttpRequest();
    const stop = (): void => xhr.abort();
    xhr.open(request.method, request.url);
    for (const [name, value] of Object.entries(request.headers ?? {})) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => progress(event.loaded);
    xhr.onload = () =>
      resolve({ status: xhr.status, header: (name) => xhr.getResponseHeader(name), body: xhr.responseText });
    xhr.onerror = () => reject(unreachable(new URL(request.url).host));
    xhr.onabort = () => reject(signal.reason);
    xhr.onloadend = () => signal.removeEventListener('abort', stop);
    signal.addEventListener('abort', stop);
    xhr.send(request.body);
  });
