// The server under test, and uploads on it.
//
// SLUICE_TUS_ENDPOINT is the URL where uploads are created, SLUICE_TUS_HEADERS a JSON object of headers that every request carries,
// SLUICE_TUS_SERVER the server's name in deviations.json. For the server `sluice-gateway` callers come from the sandbox's identity
// provider, and what was stored is read from OSS; of any other it is asked with GET of the upload's own URL.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { jwtOf, objectOf } from './identity_and_oss.mjs';
import { head, send } from './wire.mjs';

export const GATEWAY = 'sluice-gateway';

// Where requests go, who asks, and what the server has said of itself.
export const target = {};

export async function aim({ endpoint, server = '', headers = {} }) {
  assert.ok(endpoint, 'SLUICE_TUS_ENDPOINT is not set; `node tests/outside/tus/run.mjs` sets it');
  const answer = await send('OPTIONS', endpoint).catch(() => ({ headers: {} }));
  Object.assign(target, {
    endpoint,
    server,
    credentials: headers,
    extensions: listOf(answer.headers['tus-extension']),
    algorithms: listOf(answer.headers['tus-checksum-algorithm']),
    maxSize: answer.headers['tus-max-size'],
  });
}

export const aimByEnvironment = () =>
  aim({
    endpoint: process.env.SLUICE_TUS_ENDPOINT,
    server: process.env.SLUICE_TUS_SERVER,
    headers: JSON.parse(process.env.SLUICE_TUS_HEADERS ?? '{}'),
  });

// A caller who has asked for nothing yet, since the broker limits how often one of them asks.
export async function newCaller() {
  if (target.server !== GATEWAY) return;
  target.subject = `tus-${crypto.randomBytes(6).toString('hex')}`;
  target.credentials = { Authorization: `Bearer ${await jwtOf(target.subject)}` };
}

export const OFFSET_TYPE = 'application/offset+octet-stream';
// Larger than what a server may hold back until it is whole, and sent in steps that a server may be expected to store one by one.
export const LARGE = 6 * 1024 * 1024;
export const STEP = 1024 * 1024;

export const base64 = (value) => Buffer.from(value).toString('base64');
export const metadataOf = (pairs) =>
  Object.entries(pairs)
    .map(([key, value]) => (value === '' ? key : `${key} ${base64(value)}`))
    .join(',');

const run = crypto.randomBytes(4).toString('hex');
let names = 0;
export const freshName = () => `tus-${run}-${++names}.bin`;

// A request of the protocol: the version and the credentials, then what the caller says of them.
export const tus = (method, url, headers = {}, body = undefined) =>
  send(method, url, { 'Tus-Resumable': '1.0.0', ...target.credentials, ...headers }, body);
export const tusHead = (method, url, headers) => head(method, url, { 'Tus-Resumable': '1.0.0', ...target.credentials, ...headers });

export const listOf = (value) => (value === undefined || value === '' ? [] : value.split(',').map((one) => one.trim()));

export class Upload {
  // Creates one of that length; `headers` add to or replace those of the request, `body` makes it a creation with upload.
  static async create(length, { headers = {}, body = undefined } = {}) {
    const name = freshName();
    const answer = await tus('POST', target.endpoint, { 'Upload-Length': length, 'Upload-Metadata': metadataOf({ filename: name }), ...headers }, body);
    assert.equal(answer.status, 201, `creation answered ${answer.status}: ${answer.body}`);
    assert.ok(answer.headers.location, 'creation answered no Location');
    return new Upload(new URL(answer.headers.location, target.endpoint).href, name, answer);
  }

  constructor(url, name, answer) {
    Object.assign(this, { url, name, answer });
  }

  head(headers) {
    return tus('HEAD', this.url, headers);
  }

  patch(offset, body, headers) {
    return tus('PATCH', this.url, { 'Content-Type': OFFSET_TYPE, 'Upload-Offset': offset, ...headers }, body);
  }

  async offset() {
    const answer = await this.head();
    assert.ok([200, 204].includes(answer.status), `HEAD answered ${answer.status}`);
    return integer(answer.headers['upload-offset']);
  }

  // PATCHes one piece at the offset where the upload is, and answers where it is then. What is not acknowledged was not taken.
  async step(bytes, size = STEP) {
    const from = await this.offset();
    const answer = await this.patch(from, bytes.subarray(from, from + size));
    assert.equal(answer.status, 204, `PATCH answered ${answer.status}: ${answer.body}`);
    return integer(answer.headers['upload-offset']);
  }

  // Goes on as a client would, from wherever the server says the upload is, until all is there.
  async finish(bytes) {
    for (let attempt = 0; attempt < 40; ++attempt) {
      const from = await this.offset();
      if (from === bytes.length) return;
      assert.ok(from < bytes.length, `the offset ${from} is beyond the length ${bytes.length}`);
      const answer = await this.patch(from, bytes.subarray(from)).catch((error) => ({ status: 0, body: error.message }));
      // What a connection that was cut had brought may still be on its way into the store.
      if ([0, 409, 423].includes(answer.status)) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      assert.equal(answer.status, 204, `PATCH answered ${answer.status}: ${answer.body}`);
    }
    assert.fail('the upload was not complete after 40 attempts');
  }

  async stored() {
    if (target.server === GATEWAY) {
      const object = await objectOf(target.subject, this.name);
      assert.ok(object, `${this.name} is not in OSS`);
      return object.bytes;
    }
    const answer = await tus('GET', this.url);
    assert.equal(answer.status, 200);
    return answer.body;
  }

  async assertStored(bytes) {
    const found = await this.stored();
    assert.equal(found.length, bytes.length);
    assert.ok(found.equals(bytes), 'what is stored differs from what was sent');
  }

  // That the upload is still where it was: its offset, and once it is finished its bytes.
  async assertUntouched(offset, bytes) {
    assert.equal(await this.offset(), offset);
    await this.finish(bytes);
    await this.assertStored(bytes);
  }
}

export function integer(value) {
  assert.match(value ?? '', /^(0|[1-9]\d*)$/, 'not a non-negative integer');
  return Number(value);
}

export const gone = (answer) => {
  assert.ok([404, 410].includes(answer.status), `answered ${answer.status}, not 404 or 410`);
  assert.equal(answer.headers['upload-offset'], undefined);
};

// Refused for what the client did: never accepted, never a fault of the server.
export const refused = (answer, what = 'the request') => {
  assert.ok(answer.status >= 400 && answer.status < 500, `${what} was answered ${answer.status}`);
};
