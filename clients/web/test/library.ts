// SPDX-License-Identifier: Apache-2.0
// The library as an app imports it, and what is below it.
export * from '../src/index.js';
export { backoffMs, type Sleep } from '../src/backoff.js';
export type { Answer, OutgoingRequest, Transport } from '../src/transport.js';
export { RunningUpload, type Way } from '../src/upload.js';
