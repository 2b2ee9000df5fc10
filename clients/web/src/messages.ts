// SPDX-License-Identifier: Apache-2.0
// The JSON of proto/sluice/token/v1, as far as a page needs it. 64-bit numbers are text in proto3 JSON; both are read.

export type Operation =
  | 'OPERATION_UPLOAD'
  | 'OPERATION_RESUME'
  | 'OPERATION_TAG'
  | 'OPERATION_DOWNLOAD'
  | 'OPERATION_LIST'
  | 'OPERATION_DELETE';

export interface Scope {
  bucket: string;
  region: string;
  endpoint: string;
  /** One of the two. */
  prefix?: string;
  key?: string;
  operations: Operation[];
}

export interface IssueTokenRequest {
  grant?: string;
  path?: string;
  operations?: Operation[];
  ttl?: string;
}

export interface IssuedToken {
  credentials: { accessKeyId: string; accessKeySecret: string; securityToken: string };
  expireTime: string;
  refreshAfter: string;
  serverTime: string;
  scope: Scope;
  grantId: string;
}

export type UrlMethod = 'URL_METHOD_PUT' | 'URL_METHOD_GET' | 'URL_METHOD_HEAD' | 'URL_METHOD_DELETE';

export interface SignUrlRequest {
  grant?: string;
  path: string;
  method: UrlMethod;
  ttl?: string;
  contentType?: string;
  contentMd5?: string;
  contentLength?: number;
  metadata?: Record<string, string>;
  process?: string;
  forbidOverwrite?: boolean;
}

export interface SignedUrl {
  httpMethod: string;
  url: string;
  headers?: Record<string, string>;
}

export interface SignedUrls {
  urls: SignedUrl[];
  expireTime: string;
  scope: Scope;
  grantId: string;
}

export interface SignFormRequest {
  grant?: string;
  path?: string;
  ttl?: string;
  contentType?: string;
  minLength?: number;
  maxLength?: number;
  successStatus?: 200 | 201 | 204;
}

export interface SignedForm {
  url: string;
  fields: Record<string, string>;
  expireTime: string;
  scope: Scope;
  grantId: string;
}

export type UploadForm =
  | 'UPLOAD_FORM_URL'
  | 'UPLOAD_FORM_POST_FORM'
  | 'UPLOAD_FORM_PART_URLS'
  | 'UPLOAD_FORM_TOKEN'
  | 'UPLOAD_FORM_GATEWAY';

export interface PlanUploadRequest {
  grant?: string;
  path: string;
  sizeBytes?: number;
  contentType?: string;
  forms?: UploadForm[];
}

export interface UploadPlan {
  form: UploadForm;
  why: string;
}

export interface Grant {
  name: string;
  scope: Scope;
  defaultTtl: string;
  maxTtl: string;
  maxObjectBytes?: string | number;
  contentTypes?: string[];
  unusable?: string;
}
