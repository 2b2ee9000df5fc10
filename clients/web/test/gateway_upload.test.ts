// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test, { afterEach, beforeEach } from 'node:test';
import { FakeStorage, fakeSleep, until } from './fakes.js';
import { FakeTus } from './fake_tus.js';
import { ResumeStore, uploadByGateway } from './library.js';

let tus: FakeTus;
beforeEach(async () => {
  tus = await FakeTus.start();
});
afterEach(() => tus.stop());

// The client reads a Buffer where there is no browser; the rest is what a File says of itself.
const bytes = crypto.randomBytes(500_000);
const file = Object.assign(Buffer.from(bytes), { size: bytes.length, type: 'image/png', name: 'cat.png', lastModified: 1 }) as unknown as File;

function setting(jwts = ['jwt']) {
  const refused: (string | undefined)[] = [];
  const gateway = {
    get url() {
      return tus.url;
    },
    jwt: (rejected?: string) => {
      if (rejected !== undefined) refused.push(rejected);
      return jwts[Math.min(refused.length, jwts.length - 1)] ?? '';
    },
  };
  const resume = { store: new ResumeStore(new FakeStorage()), owner: 'alice' };
  return { gateway, refused, resume, options: { path: 'album/cat.png', grant: 'photos', resume, sleep: fakeSleep().sleep } };
}

const only = () => {
  assert.equal(tus.uploads.size, 1);
  return [...tus.uploads.values()][0];
};

test('the gateway is told path, type and grant, with the JWT of its own audience on every request', async () => {
  const { gateway, options } = setting();

  const stored = await uploadByGateway(gateway, file, { ...options, overwrite: true, metadata: { origin: 'test' } }).done;

  assert.deepEqual(stored, { path: 'album/cat.png', bytes: 500_000, etag: '' });
  assert.deepEqual(only()?.metadata, { origin: 'test', path: 'album/cat.png', filetype: 'image/png', grant: 'photos', overwrite: 'true' });
  assert.ok(only()?.bytes.equals(bytes));
  assert.ok(tus.seen.every(({ authorization }) => authorization === 'Bearer jwt'));
});

test('a connection that is cut goes on from what the gateway holds', async () => {
  const { gateway, options, resume } = setting();
  tus.cutAt = 200_000;

  await uploadByGateway(gateway, file, options).done;

  assert.ok(only()?.bytes.equals(bytes));
  assert.equal(tus.count('POST'), 1);
  assert.equal(tus.count('HEAD'), 1);
  assert.deepEqual(resume.store.unfinished('alice'), []);
});

test('a body is cut into requests that proxies let through', async () => {
  const { gateway, options } = setting();

  await uploadByGateway(gateway, file, { ...options, chunkBytes: 200_000 }).done;

  assert.deepEqual(tus.seen.filter(({ method }) => method === 'PATCH').map(({ offset }) => offset), ['0', '200000', '400000']);
});

test('after a reload the same file goes on in the same upload', async () => {
  const { gateway, options, resume } = setting();
  let sent = 0;
  const before = uploadByGateway(gateway, file, { ...options, chunkBytes: 100_000, onProgress: (now) => { sent = now; } });
  await until(() => (resume.store.unfinished('alice')[0]?.sentBytes ?? 0) >= 100_000);
  before.pause();
  assert.ok(sent < 500_000);

  await uploadByGateway(gateway, file, options).done;

  assert.ok(only()?.bytes.equals(bytes));
  assert.equal(tus.count('POST'), 1);
});

test('an upload that the gateway no longer knows begins anew', async () => {
  const { gateway, options, resume } = setting();
  resume.store.save({ owner: 'alice', way: 'gateway', path: options.path, file: { name: 'cat.png', size: 500_000, lastModified: 1 }, sentBytes: 9, state: { url: `${tus.url}/files/gone` } });

  await uploadByGateway(gateway, file, options).done;

  assert.ok(only()?.bytes.equals(bytes));
});

test('a JWT that has ended is replaced and the upload goes on; a second refusal in a row is believed', async () => {
  const ended = { status: 401, body: { code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED', message: 'ended' } };
  const good = setting(['old', 'new']);
  tus.refusals.push(ended);
  await uploadByGateway(good.gateway, file, good.options).done;
  assert.deepEqual(good.refused, ['old']);
  assert.equal(tus.seen.at(-1)?.authorization, 'Bearer new');

  const bad = setting(['old', 'new']);
  tus.refusals.push(ended, ended);
  await assert.rejects(uploadByGateway(bad.gateway, file, { ...bad.options, path: 'other.png' }).done, { reason: 'TOKEN_EXPIRED', code: 'UNAUTHENTICATED' });
});

test("a refusal keeps the gateway's reason; what may pass is tried again", async () => {
  const { gateway, options } = setting();
  tus.refusals.push({ status: 503, body: { code: 'UNAVAILABLE', reason: 'GATEWAY_DRAINING', message: 'elsewhere' }, headers: { 'Retry-After': '2' } });
  await uploadByGateway(gateway, file, options).done;

  tus.refusals.push({ status: 403, body: { code: 'PERMISSION_DENIED', reason: 'LIMIT_EXCEEDED', message: 'too large' } });
  await assert.rejects(uploadByGateway(gateway, file, { ...options, path: 'b.png' }).done, { reason: 'LIMIT_EXCEEDED', message: 'too large' });
});

test('cancel frees the upload at the gateway', async () => {
  const { gateway, options, resume } = setting();
  const upload = uploadByGateway(gateway, file, { ...options, chunkBytes: 100_000 });
  await until(() => (resume.store.unfinished('alice')[0]?.sentBytes ?? 0) >= 100_000);

  await upload.cancel();

  await assert.rejects(upload.done, { reason: 'CALL_CANCELLED' });
  assert.equal(tus.uploads.size, 0);
  assert.deepEqual(resume.store.unfinished('alice'), []);
});
