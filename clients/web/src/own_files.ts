// SPDX-License-Identifier: Apache-2.0
import type { BrokerClient } from './broker_client.js';
import { connectOss, fromOss, type OssConstructor } from './oss_client.js';
import type { SignedUrl } from './messages.js';
import { ossFailure, SluiceError, unreachable } from './sluice_error.js';
import type { TokenProvider } from './token_provider.js';

export interface OwnFile {
  /** Relative to the grant's prefix. */
  readonly path: string;
  readonly bytes: number;
  readonly lastModified: Date;
}

export interface OwnFilesOptions {
  readonly broker: Pick<BrokerClient, 'signUrl'>;
  readonly tokens: TokenProvider;
  readonly Oss: OssConstructor;
  readonly grant?: string;
  readonly fetch?: typeof fetch;
}

/** The user's own objects. Reading and deleting are signed by the broker one by one; listing needs a token, since no URL is signed for it. */
export class OwnFiles {
  constructor(private readonly options: OwnFilesOptions) {}

  /** All below `folder` (such as `album/`), page by page. */
  async *list(folder = ''): AsyncGenerator<OwnFile> {
    const { Oss, tokens } = this.options;
    const client = await connectOss(Oss, tokens);
    const prefix = (await tokens.token()).scope.prefix ?? '';
    let after: string | null | undefined;
    do {
      const query: Record<string, string | number> = { prefix: prefix + folder, 'max-keys': 100 };
      if (after) query['continuation-token'] = after;
      const page = await client.listV2(query).catch((error) => {
        throw fromOss(error);
      });
      for (const { name, size, lastModified } of page.objects ?? []) {
        yield { path: name.slice(prefix.length), bytes: Number(size), lastModified: new Date(lastModified) };
      }
      after = page.nextContinuationToken;
    } while (after);
  }

  /** An address that shows the object for some minutes; with `process`, what OSS makes of the picture. */
  async url(path: string, process?: string): Promise<string> {
    return (await this.sign('URL_METHOD_GET', path, process)).url;
  }

  async remove(path: string): Promise<void> {
    const { httpMethod, url, headers } = await this.sign('URL_METHOD_DELETE', path);
    const { fetch = globalThis.fetch } = this.options;
    const answer = await fetch(url, { method: httpMethod, headers: headers ?? {}, credentials: 'omit' }).catch((error) => {
      throw unreachable('OSS', error);
    });
    if (!answer.ok) throw ossFailure(answer.status, await answer.text());
  }

  private async sign(method: 'URL_METHOD_GET' | 'URL_METHOD_DELETE', path: string, process?: string): Promise<SignedUrl> {
    const { broker, grant } = this.options;
    const signed = await broker.signUrl({ path, method, ...(grant && { grant }), ...(process && { process }) });
    const url = signed.urls[0];
    if (!url) throw new SluiceError({ code: 'INTERNAL', reason: 'ANSWER_INVALID', message: 'the broker signed no URL' });
    return url;
  }
}
