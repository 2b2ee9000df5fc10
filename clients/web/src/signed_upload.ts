// SPDX-License-Identifier: Apache-2.0
import type { BrokerClient } from './broker_client.js';
import { ossFailure, SluiceError } from './sluice_error.js';
import { type Answer, type OutgoingRequest, type Transport, xhrTransport } from './transport.js';
import { RunningUpload, type Upload, type UploadOptions } from './upload.js';

export interface SignedUploadOptions extends UploadOptions {
  readonly grant?: string;
  readonly transport?: Transport;
}

/** One POST of a form that the broker signed. OSS holds it to key, type and size. */
export function uploadByForm(broker: Pick<BrokerClient, 'signForm'>, file: Blob, options: SignedUploadOptions): Upload {
  return oneRequest(file, options, async (signal) => {
    const form = await broker.signForm(
      { ...asked(options), contentType: typeOf(file, options), maxLength: file.size, successStatus: 204 },
      signal,
    );
    const body = new FormData();
    for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
    body.append('file', file);
    return { method: 'POST', url: form.url, body };
  });
}

/** One PUT to a URL that the broker signed. OSS holds it to key, type and exact length. */
export function uploadByUrl(broker: Pick<BrokerClient, 'signUrl'>, file: Blob, options: SignedUploadOptions): Upload {
  return oneRequest(file, options, async (signal) => {
    const signed = await broker.signUrl(
      { ...asked(options), method: 'URL_METHOD_PUT', contentType: typeOf(file, options), contentLength: file.size },
      signal,
    );
    const url = signed.urls[0];
    if (!url) throw new SluiceError({ code: 'INTERNAL', reason: 'ANSWER_INVALID', message: 'the broker signed no URL' });
    return { method: url.httpMethod, url: url.url, headers: url.headers ?? {}, body: file };
  });
}

function asked(options: SignedUploadOptions): { path: string; grant?: string } {
  return { path: options.path, ...(options.grant && { grant: options.grant }) };
}

export function typeOf(file: Blob, options: UploadOptions): string {
  return options.contentType || file.type || 'application/octet-stream';
}

// Signed anew for each try, so that a pause may outlive any signature. Nothing is left behind by one that fails.
function oneRequest(
  file: Blob,
  options: SignedUploadOptions,
  sign: (signal: AbortSignal) => Promise<OutgoingRequest>,
): Upload {
  const transport = options.transport ?? xhrTransport;
  return new RunningUpload(
    {
      resumable: false,
      async attempt(signal, progress) {
        progress(0);
        const answer = await transport(await sign(signal), signal, (sent) => progress(Math.min(sent, file.size)));
        if (!isStored(answer)) throw ossFailure(answer.status, answer.body);
        progress(file.size);
        return { path: options.path, bytes: file.size, etag: (answer.header('etag') ?? '').replaceAll('"', '') };
      },
      async discard() {},
    },
    file.size,
    options,
  );
}

// 203 is an object whose callback failed, and no success.
function isStored(answer: Answer): boolean {
  return answer.status === 200 || answer.status === 201 || answer.status === 204;
}
