// The server under test, as the environment names it, and uploads on it.
//
// SLUICE_TUS_ENDPOINT is the URL where uploads are created, SLUICE_TUS_HEADERS a JSON object of headers that every request carries.
// SLUICE_TUS_SERVER names the server in deviations.json. What was stored is read back with SLUICE_TUS_READ: `get` asks the upload's own
// URL, `broker` has the broker at SLUICE_HTTP sign a URL of OSS.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { objectOf } from './identity_and_oss.mjs';
import { head, send } from './wire.mjs';

export const endpoint = process.env.SLUICE_TUS_ENDPOINT;
export const credentials = JSON.parse(process.env.SLUICE_TUS_HEADERS ?? '{}');
export const serverName = process.env.SLUICE_TUS_SERVER ?? '';
assert.ok(endpoint, 'SLUICE_TUS_ENDPOINT is not set; `node tests/outside/tus/run.mjs` sets it');

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
  send(method, url, { 'Tus-Resumable': '1.0.0', ...credentials, ...headers }, body);
export const tusHead = (method, url, headers) => head(method, url, { 'Tus-Resumable': '1.0.0', ...credentials, ...headers });

const options = await send('OPTIONS', endpoint).catch(() => ({ headers: {} }));
export const listOf = (value) => (value === undefined || value === '' ? [] : value.split(',').map((one) => one.trim()));
export const extensions = listOf(options.headers['tus-extension']);
export const algorithms = listOf(options.headers['tus-checksum-algorithm']);
export const maxSize = options.headers['tus-max-size'];

export class Upload {
  // Creates one of that length; `headers` add to or replace those of the request, `body` makes it a creation with upload.
  static async create(length, { headers = {}, body = undefined } = {}) {
    const name = freshName();
    const answer = await tus('POST', endpoint, { 'Upload-Length': length, 'Upload-Metadata': metadataOf({ filename: name }), ...headers }, body);
    assert.equal(answer.status, 201, `creation answered ${answer.status}: ${answer.body}`);
    assert.ok(answer.headers.location, 'creation answered no Location');
    return new Upload(new URL(answer.headers.location, endpoint).href, name, answer);
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
    return read[process.env.SLUICE_TUS_READ ?? 'get'](this);
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

const read = {
  async get({ url }) {
    const answer = await tus('GET', url);
    assert.equal(answer.status, 200);
    return answer.body;
  },
  async broker({ name }) {
    const object = await objectOf(process.env.SLUICE_TUS_SUBJECT, name);
    assert.ok(object, `${name} is not in OSS`);
    return object.bytes;
  },
};
