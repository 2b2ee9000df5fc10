// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly method: string;
  readonly authorization: string;
  readonly offset: string | undefined;
}

/** A tus 1.0 server in memory: creation, HEAD, PATCH, termination; it cuts connections and refuses as it is told. */
export class FakeTus {
  readonly uploads = new Map<string, { bytes: Buffer; length: number; metadata: Record<string, string> }>();
  readonly seen: Seen[] = [];
  /** Cuts the next PATCH once the upload holds so many bytes. */
  cutAt: number | undefined;
  /** Answers the next requests with these, before it looks at them. */
  readonly refusals: { status: number; body: object; headers?: Record<string, string> }[] = [];
  private next = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<FakeTus> {
    const server = createServer((request, response) => {
      // A client that leaves midway is an everyday thing here.
      fake.serve(request, response).catch(() => response.destroy());
    });
    const fake = new FakeTus(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  count(method: string): number {
    return this.seen.filter((one) => one.method === method).length;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    this.seen.push({ method, authorization: headers.authorization ?? '', offset: headers['upload-offset'] as string | undefined });
    const refusal = this.refusals.shift();
    if (refusal) {
      request.resume();
      response.writeHead(refusal.status, { 'Tus-Resumable': '1.0.0', ...refusal.headers }).end(JSON.stringify(refusal.body));
      return;
    }
    const answer = (status: number, more: Record<string, string> = {}) => response.writeHead(status, { 'Tus-Resumable': '1.0.0', ...more }).end();
    if (method === 'POST') {
      const id = `/files/${++this.next}`;
      const length = Number(headers['upload-length']);
      this.uploads.set(id, { bytes: Buffer.alloc(0), length, metadata: metadataOf(headers['upload-metadata'] as string) });
      answer(201, { Location: id });
      return;
    }
    const upload = this.uploads.get(url);
    if (!upload) return void answer(404);
    if (method === 'DELETE') {
      this.uploads.delete(url);
      answer(204);
    } else if (method === 'HEAD') {
      answer(200, { 'Upload-Offset': `${upload.bytes.length}`, 'Upload-Length': `${upload.length}` });
    } else if (headers['upload-offset'] !== `${upload.bytes.length}`) {
      answer(409);
    } else {
      for await (const chunk of request) {
        upload.bytes = Buffer.concat([upload.bytes, chunk]);
        if (this.cutAt === undefined || upload.bytes.length < this.cutAt) continue;
        this.cutAt = undefined;
        request.destroy();
        return;
      }
      answer(204, { 'Upload-Offset': `${upload.bytes.length}` });
    }
  }
}

function metadataOf(header: string): Record<string, string> {
  return Object.fromEntries(
    header.split(',').map((pair) => {
      const [key = '', value = ''] = pair.split(' ');
      return [key, Buffer.from(value, 'base64').toString()];
    }),
  );
}
