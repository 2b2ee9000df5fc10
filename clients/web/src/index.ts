// SPDX-License-Identifier: Apache-2.0
export { BrokerClient, type BrokerOptions, type JwtSource } from './broker_client.js';
export { type Gateway, type GatewayUploadOptions, uploadByGateway } from './gateway_upload.js';
export type * from './messages.js';
export { connectOss, fromOss, type OssClient, type OssConstructor } from './oss_client.js';
export { type OwnFile, OwnFiles } from './own_files.js';
export { imageProcess, type Resize, resize, type Watermark, watermark } from './picture.js';
export { type FileMark, markOf, ResumeStore, type SavedUpload } from './resume_store.js';
export { type SignedUploadOptions, uploadByForm, uploadByUrl } from './signed_upload.js';
export { type Failure, SluiceError } from './sluice_error.js';
export { TokenProvider, type TokenProviderOptions } from './token_provider.js';
export { type TokenUploadOptions, uploadByToken } from './token_upload.js';
export type { StoredObject, Upload, UploadOptions, UploadState } from './upload.js';
