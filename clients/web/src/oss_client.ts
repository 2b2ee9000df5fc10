// SPDX-License-Identifier: Apache-2.0
import { codeOfStatus, SluiceError } from './sluice_error.js';
import type { TokenProvider } from './token_provider.js';

/** What is used of the official SDK (`ali-oss`). The app imports it, when it needs it: it is heavy. */
export interface OssClient {
  multipartUpload(name: string, file: Blob, options: MultipartOptions): Promise<{ etag?: string; res: { status: number } }>;
  abortMultipartUpload(name: string, uploadId: string): Promise<unknown>;
  cancel(): void;
  put(name: string, file: Blob, options?: object): Promise<unknown>;
  listV2(query: Record<string, string | number>): Promise<{
    objects?: { name: string; size: number; lastModified: string; etag: string }[];
    nextContinuationToken?: string | null;
  }>;
}

export interface Checkpoint {
  name: string;
  fileSize: number;
  partSize: number;
  uploadId: string;
  doneParts: { number: number; etag: string }[];
}

export interface MultipartOptions {
  partSize: number;
  parallel: number;
  mime: string;
  checkpoint?: Checkpoint;
  progress(share: number, checkpoint?: Checkpoint): void;
}

/** Takes the SDK's own options, of which some are set here. */
export type OssConstructor = new (options: any) => OssClient;

/** A client of OSS whose credentials are the provider's at each request. */
export async function connectOss(Oss: OssConstructor, tokens: TokenProvider): Promise<OssClient> {
  const { scope, credentials } = await tokens.token();
  return new Oss({
    endpoint: scope.endpoint,
    bucket: scope.bucket,
    region: `oss-${scope.region}`,
    authorizationV4: true,
    secure: scope.endpoint.startsWith('https:'),
    // A page cannot set Host, so an endpoint without a name is only spoken to with the bucket in the path.
    sldEnable: isAddress(new URL(scope.endpoint).hostname),
    timeout: 300_000,
    ...sdkCredentials(credentials),
    // Asked at every request; the provider answers from memory until its token is due.
    refreshSTSTokenInterval: 0,
    refreshSTSToken: async () => sdkCredentials((await tokens.token()).credentials),
  });
}

function sdkCredentials(credentials: { accessKeyId: string; accessKeySecret: string; securityToken: string }) {
  return {
    accessKeyId: credentials.accessKeyId,
    accessKeySecret: credentials.accessKeySecret,
    stsToken: credentials.securityToken,
  };
}

function isAddress(host: string): boolean {
  return host === 'localhost' || host.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}

/** An error of the SDK as ours. Negative statuses are a connection that failed or took too long. */
export function fromOss(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const { status = 0, code = '', message = '', requestId = '', name = '' } = error as Partial<Record<string, string>> & {
    status?: number;
  };
  if (status < 0) {
    return new SluiceError({ code: 'UNAVAILABLE', reason: 'NETWORK_UNREACHABLE', message: 'OSS cannot be reached' }, error);
  }
  if (status === 0) return new SluiceError({ code: 'INTERNAL', reason: 'CLIENT_FAULT', message: message || name }, error);
  // A token that has ended is not the end: the provider has another one.
  const ended = code === 'SecurityTokenExpired' || code === 'InvalidSecurityToken';
  return new SluiceError(
    {
      code: ended ? 'UNAVAILABLE' : codeOfStatus(status),
      reason: code || `HTTP_${status}`,
      message: message || `OSS answered ${status}`,
      requestId,
    },
    error,
  );
}
