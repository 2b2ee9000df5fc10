// What the gateway promises beyond the protocol: whose upload it is, what becomes of metadata, how it says no, and that gRPC and HTTP
// are two doors to the same upload, at any replica. Runs beside broker and sandbox (tests/outside/with_services.sh).
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, beforeEach } from 'node:test';
import { jwtOf, objectOf } from './identity_and_oss.mjs';
import { load, rootFolder } from './packages.mjs';
import { startReplica } from './replicas.mjs';
import { LARGE, OFFSET_TYPE, STEP, Upload, aimByEnvironment, freshName, gone, integer, listOf, metadataOf, newCaller, refused, target, tus } from './upload.mjs';
import { send } from './wire.mjs';

const grpc = load('@grpc/grpc-js');
const { UploadGateway } = grpc.loadPackageDefinition(
  load('@grpc/proto-loader').loadSync('sluice/upload/v1/upload_gateway.proto', {
    includeDirs: [path.join(rootFolder, 'proto')],
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
  }),
).sluice.upload.v1;

await aimByEnvironment();
beforeEach(newCaller);

const bytesOf = (size) => crypto.randomBytes(size);

const bearer = async (subject) => ({ Authorization: `Bearer ${await jwtOf(subject)}` });

const create = (metadata, headers = {}, body = undefined, length = 3) =>
  tus('POST', target.endpoint, { 'Upload-Length': length, 'Upload-Metadata': metadataOf(metadata), ...headers }, body);
const whole = { 'Content-Type': OFFSET_TYPE };

// An error is JSON that names code, reason and request.
function problem(answer, status, reason) {
  assert.equal(answer.status, status, answer.body.toString());
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  const said = JSON.parse(answer.body);
  assert.equal(said.reason, reason, said.message);
  assert.match(said.code, /^[A-Z_]+$/);
  assert.ok(said.message.length > 0);
  assert.ok(said.requestId.length > 0);
  return said;
}

test('the gateway offers the five extensions of its design, and sha1', () => {
  for (const name of ['creation', 'creation-with-upload', 'expiration', 'checksum', 'termination']) assert.ok(target.extensions.includes(name), name);
  assert.ok(target.algorithms.includes('sha1'));
});

test('OPTIONS is answered without proof of the caller, and reveals nothing of uploads', async () => {
  const upload = await Upload.create(3);
  const created = await send('OPTIONS', target.endpoint);
  assert.ok([200, 204].includes(created.status));
  const found = await send('OPTIONS', upload.url);
  const absent = await send('OPTIONS', new URL('nothing', target.endpoint).href);
  assert.deepEqual([found.status, found.headers['tus-version']], [absent.status, absent.headers['tus-version']]);
  assert.equal(found.headers['upload-offset'], undefined);
});

test('without proof of the caller nothing is done, and the answer says what is missing', async () => {
  const bytes = bytesOf(3);
  const upload = await Upload.create(bytes.length);
  for (const Authorization of [undefined, 'Bearer', 'Bearer nonsense', 'Basic YTpi', `Bearer ${await jwtOf(target.subject, 'sluice')}`]) {
    const headers = { Authorization };
    for (const answer of [
      await create({ filename: freshName() }, headers),
      await upload.patch(0, bytes, headers),
      await tus('DELETE', upload.url, headers),
    ]) {
      assert.equal(answer.status, 401, `${Authorization?.slice(0, 12)} was answered ${answer.status}`);
      assert.ok(JSON.parse(answer.body).reason);
    }
    assert.equal((await upload.head(headers)).status, 401);
  }
  await upload.assertUntouched(0, bytes);
});

test("another caller's upload does not exist: the same answer as for one that never was", async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(LARGE);
  const at = await upload.step(bytes);
  const mallory = await bearer('mallory');
  const never = new URL('nothing', target.endpoint).href;
  const patch = { ...mallory, 'Content-Type': OFFSET_TYPE, 'Upload-Offset': at };
  const without = ({ requestId, ...said }) => said;
  for (const [method, headers, body] of [['PATCH', patch, bytes.subarray(at, at + 10)], ['DELETE', mallory, undefined]]) {
    const theirs = await tus(method, upload.url, headers, body);
    const none = await tus(method, never, headers, body);
    assert.deepEqual(without(problem(theirs, 404, 'UPLOAD_NOT_FOUND')), without(problem(none, 404, 'UPLOAD_NOT_FOUND')));
  }
  const theirs = await tus('HEAD', upload.url, mallory);
  gone(theirs);
  assert.equal(theirs.status, (await tus('HEAD', never, mallory)).status);
  await upload.assertUntouched(at, bytes);
});

test('the JWT may be another at each request of an upload', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(LARGE, { headers: await bearer(target.subject) });
  let at = 0;
  while (at < LARGE) {
    const answer = await upload.patch(at, bytes.subarray(at, at + 2 * STEP), await bearer(target.subject));
    assert.equal(answer.status, 204);
    at = integer(answer.headers['upload-offset']);
  }
  await upload.assertStored(bytes);
});

test('the stock client asks for a fresh JWT before each request', async () => {
  const { Upload: Client } = load('tus-js-client');
  const bytes = bytesOf(5 * STEP);
  const name = freshName();
  let asked = 0;
  await new Promise((resolve, reject) => {
    new Client(bytes, {
      endpoint: target.endpoint,
      chunkSize: STEP,
      retryDelays: null,
      headers: { Authorization: 'Bearer ended-long-since' },
      metadata: { filename: name },
      async onBeforeRequest(request) {
        ++asked;
        request.setHeader('Authorization', `Bearer ${await jwtOf(target.subject)}`);
      },
      onSuccess: resolve,
      onError: reject,
    }).start();
  });
  assert.ok(asked >= 6);
  assert.ok((await objectOf(target.subject, name)).bytes.equals(bytes));
});

test('an error is JSON with code, reason, message and request id', async () => {
  const upload = await Upload.create(3);
  problem(await tus('PATCH', new URL('nothing', target.endpoint).href, { ...whole, 'Upload-Offset': 0 }, Buffer.from('a')), 404, 'UPLOAD_NOT_FOUND');
  problem(await upload.patch(2, Buffer.from('a')), 409, 'OFFSET_MISMATCH');
  for (const answer of [
    await upload.patch(0, Buffer.from('abcd')),
    await upload.patch(0, Buffer.from('a'), { 'Content-Type': 'text/plain' }),
    await create({}),
    await create({ filename: freshName() }, { 'Upload-Length': 'x' }),
    await create({ filename: freshName() }, { 'Tus-Resumable': '0.2.2' }),
  ]) {
    problem(answer, answer.status, JSON.parse(answer.body).reason);
    refused(answer);
  }
});

test('a chunk too small to be stored is refused at once, with the size that would do', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(LARGE);
  const said = problem(await upload.patch(0, bytes.subarray(0, 1000)), 400, 'CHUNK_TOO_SMALL');
  const least = Number(said.metadata.least_bytes);
  const answer = await upload.patch(0, bytes.subarray(0, least));
  assert.equal(answer.status, 204);
  assert.equal(answer.headers['upload-offset'], String(least));
  problem(await upload.patch(least, bytes.subarray(least, least + 1)), 400, 'CHUNK_TOO_SMALL');
  await upload.assertUntouched(least, bytes);
});

test('the stock client with chunks too small ends with that error, and not in a loop', async () => {
  const { Upload: Client } = load('tus-js-client');
  const error = await new Promise((resolve, reject) => {
    new Client(bytesOf(LARGE), {
      endpoint: target.endpoint,
      chunkSize: 60_000,
      retryDelays: [1, 1, 1],
      headers: target.credentials,
      metadata: { filename: freshName() },
      onSuccess: () => reject(new Error('the client was told that it had succeeded')),
      onError: resolve,
    }).start();
  });
  assert.equal(JSON.parse(error.originalResponse.getBody()).reason, 'CHUNK_TOO_SMALL');
});

test('a body with a checksum beyond what is kept in memory is 413, and leaves the offset', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(LARGE);
  const sum = crypto.createHash('sha1').update(bytes).digest('base64');
  for (const framing of [{}, { 'Transfer-Encoding': 'chunked' }]) {
    const answer = await upload.patch(0, bytes, { 'Upload-Checksum': `sha1 ${sum}`, ...framing });
    problem(answer, 413, 'CHUNK_TOO_LARGE');
  }
  await upload.assertUntouched(0, bytes);
});

test('a refusal reaches a client that is still sending', async () => {
  const bytes = bytesOf(40 * STEP);
  const upload = await Upload.create(bytes.length);
  for (let i = 0; i < 5; ++i) {
    assert.equal((await upload.patch(STEP, bytes.subarray(STEP))).status, 409);
    assert.equal((await upload.patch(0, bytes, { Authorization: undefined })).status, 401);
    assert.equal((await upload.patch(0, bytes, { 'Content-Type': 'text/plain' })).status, 415);
    assert.equal((await upload.patch(0, Buffer.concat([bytes, bytes]))).status, 413);
  }
  await upload.assertUntouched(0, bytes);
});

test('a chunk that fills no slot of a very large object names the size that does', async () => {
  const length = 60_000_000_000;
  const upload = await Upload.create(length);
  const said = problem(await upload.patch(0, bytesOf(STEP)), 400, 'CHUNK_TOO_SMALL');
  const least = Number(said.metadata.least_bytes);
  assert.ok(least * 10_000 >= length, `parts of ${least} do not reach ${length}`);
  assert.equal((await upload.patch(0, bytesOf(least))).headers['upload-offset'], String(least));
  assert.equal((await tus('DELETE', upload.url)).status, 204);
});

test("a path stays below the grant's prefix, or nothing is begun", async () => {
  for (const bad of ['../mallory/x', 'a/../../mallory/x', '/etc/passwd', '', 'a/', 'a//b', './a', 'a/./b', 'x\u0000y', 'a\\..\\b', '*', '${x}']) {
    const answer = await create({ path: bad });
    if (answer.status !== 201) {
      problem(answer, answer.status, JSON.parse(answer.body).reason);
      refused(answer, bad);
      continue;
    }
    // Taken as an odd name; then it is this caller's own and nobody else's.
    const url = new URL(answer.headers.location, target.endpoint).href;
    assert.equal((await tus('PATCH', url, { ...whole, 'Upload-Offset': 0 }, Buffer.from('odd'))).status, 204);
    assert.ok(await objectOf(target.subject, bad), `${bad} is not where it was asked for`);
  }
  assert.equal(await objectOf('mallory', 'x'), undefined);
});

test('`path` goes before `filename`, and may have folders', async () => {
  const name = freshName();
  const answer = await create({ path: `album/2024/${name}`, filename: 'IMG_0001.jpg' }, whole, Buffer.from('abc'));
  assert.equal(answer.status, 201, answer.body.toString());
  assert.equal((await objectOf(target.subject, `album/2024/${name}`)).bytes.toString(), 'abc');
});

test('content_type and filetype become the type of the object, other keys its metadata', async () => {
  for (const key of ['content_type', 'filetype']) {
    const name = freshName();
    const answer = await create({ filename: name, [key]: 'image/png', origin: 'phone' }, whole, Buffer.from('abc'));
    assert.equal(answer.status, 201, answer.body.toString());
    const { headers } = await objectOf(target.subject, name);
    assert.equal(headers.get('content-type'), 'image/png');
    assert.equal(headers.get('x-oss-meta-origin'), 'phone');
  }
});

test('what stock clients send as metadata is taken: names beyond ASCII, empty values, capitals', async () => {
  // The keys of Uppy, and a name as a phone has it.
  const name = `${freshName()}-Grüße 世界.jpg`;
  const answer = await create(
    { relativePath: 'null', name, type: 'image/jpeg', filetype: 'image/jpeg', filename: name, is_confidential: '' },
    whole,
    Buffer.from('abc'),
  );
  assert.equal(answer.status, 201, answer.body.toString());
  assert.equal((await objectOf(target.subject, name)).bytes.toString(), 'abc');
});

test('metadata beyond what an upload keeps is refused, and nothing is begun', async () => {
  const answer = await create({ filename: freshName(), note: 'n'.repeat(2048) });
  problem(answer, 400, 'METADATA_INVALID');
  assert.equal(answer.headers.location, undefined);
});

test('a grant that is not the caller’s is refused by name', async () => {
  assert.equal((await create({ filename: freshName(), grant: 'photos' })).status, 201);
  const answer = await create({ filename: freshName(), grant: 'editors' });
  assert.equal(answer.status, 403, answer.body.toString());
  refused(await create({ filename: freshName(), grant: 'no-such-grant' }));
});

test('an object is replaced only where `overwrite` was asked for', async () => {
  const name = freshName();
  assert.equal((await create({ filename: name }, whole, Buffer.from('one'))).status, 201);
  const again = await create({ filename: name }, whole, Buffer.from('two'));
  problem(again, again.status, 'OBJECT_EXISTS');
  refused(again);
  assert.equal((await objectOf(target.subject, name)).bytes.toString(), 'one');
  assert.equal((await create({ filename: name, overwrite: 'true' }, whole, Buffer.from('two'))).status, 201);
  assert.equal((await objectOf(target.subject, name)).bytes.toString(), 'two');
});

test('the stock client ends with an error, and not in a loop, where the key is taken', async () => {
  const { Upload: Client } = load('tus-js-client');
  const name = freshName();
  assert.equal((await create({ filename: name }, whole, Buffer.from('one'))).status, 201);
  let requests = 0;
  const error = await new Promise((resolve, reject) => {
    new Client(Buffer.from('two'), {
      endpoint: target.endpoint,
      retryDelays: [1, 1, 1],
      headers: target.credentials,
      metadata: { filename: name },
      onBeforeRequest: () => void ++requests,
      onSuccess: () => reject(new Error('the client was told that it had succeeded')),
      onError: resolve,
    }).start();
  });
  assert.equal(JSON.parse(error.originalResponse.getBody()).reason, 'OBJECT_EXISTS');
  assert.ok(requests <= 10, `${requests} requests`);
  assert.equal((await objectOf(target.subject, name)).bytes.toString(), 'one');
});

test('the same request_id is the same upload', async () => {
  const metadata = { filename: freshName(), request_id: crypto.randomUUID() };
  const [one, other] = [await create(metadata), await create(metadata)];
  assert.equal(one.status, 201, one.body.toString());
  assert.equal(other.headers.location, one.headers.location);
});

// ---- the two doors

const uploadIdOf = (url) => decodeURIComponent(new URL(url).pathname.split('/').at(-1));
const urlOf = (uploadId, base = target.endpoint) => new URL(encodeURIComponent(uploadId), base).href;

const channel = new UploadGateway(process.env.SLUICE_GATEWAY, grpc.credentials.createInsecure());
after(() => channel.close());

async function metadataFor(who) {
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${await jwtOf(who)}`);
  return metadata;
}

async function call(method, request, who = target.subject) {
  const metadata = await metadataFor(who);
  return new Promise((resolve, reject) => channel[method](request, metadata, (error, answer) => (error ? reject(error) : resolve(answer))));
}

// Sends bytes from where the gateway says the upload is. With `finish` it completes the object and answers it; without, it ends the
// stream once `until` bytes are committed.
async function stream(first, bytes, { until = bytes.length, finish = true } = {}) {
  const metadata = await metadataFor(target.subject);
  return new Promise((resolve, reject) => {
    const duplex = channel.Upload(metadata);
    let begun = false;
    let uploadId = first.upload_id;
    duplex.on('error', (error) => (error.code === grpc.status.CANCELLED ? undefined : reject(error)));
    duplex.on('data', (answer) => {
      uploadId = answer.started?.upload_id ?? uploadId;
      if (answer.object) resolve({ uploadId, object: answer.object });
      if (!begun) {
        begun = true;
        for (let at = answer.committed_bytes; at < until; at += STEP) duplex.write({ chunk: { offset: at, data: bytes.subarray(at, Math.min(at + STEP, until)) } });
        if (finish) duplex.write({ finish: {} });
      } else if (!finish && answer.committed_bytes > 0) {
        duplex.cancel();
        resolve({ uploadId, committed: answer.committed_bytes });
      }
    });
    duplex.write(first);
  });
}

test('begun over gRPC, finished over HTTP', async () => {
  for (const size of [1000, LARGE, 9 * STEP + 5]) {
    const bytes = bytesOf(size);
    const path = freshName();
    const { upload_id: uploadId } = await call('StartUpload', { path, size_bytes: size, content_type: 'image/jpeg' });
    const upload = new Upload(urlOf(uploadId), path);
    assert.equal((await upload.head()).headers['upload-length'], String(size));
    await upload.finish(bytes);
    await upload.assertStored(bytes);
    assert.equal((await call('GetUpload', { upload_id: uploadId })).state, 'UPLOAD_STATE_DONE');
  }
});

test('some of the bytes over gRPC, the rest over HTTP', async () => {
  const bytes = bytesOf(9 * STEP);
  const path = freshName();
  const { uploadId, committed } = await stream({ start: { path, size_bytes: bytes.length } }, bytes, { until: 4 * STEP, finish: false });
  const upload = new Upload(urlOf(uploadId), path);
  const at = await upload.offset();
  assert.ok(at >= committed, `${committed} bytes were committed over gRPC and HTTP knows of ${at}`);
  await upload.finish(bytes);
  await upload.assertStored(bytes);
});

test('begun over HTTP, finished over gRPC', async () => {
  const bytes = bytesOf(9 * STEP + 17);
  const upload = await Upload.create(bytes.length);
  const at = await upload.step(bytes, 4 * STEP);
  const uploadId = uploadIdOf(upload.url);
  const known = await call('GetUpload', { upload_id: uploadId });
  assert.ok(known.committed_bytes <= at && known.committed_bytes > 0, `${known.committed_bytes} of ${at}`);
  const { object } = await stream({ upload_id: uploadId }, bytes);
  assert.equal(object.size_bytes, bytes.length);
  await upload.assertStored(bytes);
  assert.equal(await upload.offset(), bytes.length);
});

test('a length that was left open over gRPC is told over HTTP', async () => {
  const bytes = bytesOf(5 * STEP);
  const path = freshName();
  const { upload_id: uploadId } = await call('StartUpload', { path });
  const upload = new Upload(urlOf(uploadId), path);
  assert.equal((await upload.head()).headers['upload-defer-length'], '1');
  assert.equal((await upload.patch(0, bytes, { 'Upload-Length': bytes.length })).status, 204);
  await upload.assertStored(bytes);
});

test('aborted over gRPC is gone over HTTP, and terminated over HTTP is not found over gRPC', async () => {
  const bytes = bytesOf(LARGE);
  const aborted = await Upload.create(LARGE);
  await aborted.step(bytes);
  await call('AbortUpload', { upload_id: uploadIdOf(aborted.url) });
  gone(await aborted.head());
  gone(await aborted.patch(0, bytesOf(10)));

  const terminated = await Upload.create(LARGE);
  await terminated.step(bytes);
  assert.equal((await tus('DELETE', terminated.url)).status, 204);
  await assert.rejects(call('GetUpload', { upload_id: uploadIdOf(terminated.url) }), { code: grpc.status.NOT_FOUND });
});

// ---- replicas

test('what a killed replica had acknowledged is there at another, and the upload goes on', async () => {
  const replica = await startReplica();
  const bytes = bytesOf(9 * STEP);
  const name = freshName();
  const created = await tus('POST', replica.endpoint, { 'Upload-Length': bytes.length, 'Upload-Metadata': metadataOf({ filename: name }) });
  assert.equal(created.status, 201);
  const uploadId = uploadIdOf(new URL(created.headers.location, replica.endpoint).href);
  const there = await new Upload(urlOf(uploadId, replica.endpoint), name).step(bytes, 4 * STEP);
  await replica.kill();
  const here = new Upload(urlOf(uploadId), name);
  assert.ok((await here.offset()) <= there);
  await here.finish(bytes);
  await here.assertStored(bytes);
});

// ---- trouble with OSS

const fault = (query, method = 'POST') => fetch(`${process.env.SLUICE_SANDBOX_ADMIN}/faults?service=oss&${query}`, { method });

for (const [what, query] of Object.entries({
  'parts that fail': 'kind=error&value=503&operation=part&count=8',
  'connections cut in the midst of parts': 'kind=body-reset&value=100000&operation=part&count=8',
  'a completion that fails': 'kind=error&value=500&operation=complete&count=5',
  'a completion whose answer is lost': 'kind=lost&operation=complete&count=1',
  'answers that name another CRC': 'kind=wrong-crc&operation=part&count=3',
  'a list of parts that does not come': 'kind=error&value=503&operation=list_parts&count=5',
})) {
  test(`the stock client gets through ${what}`, async (t) => {
    const { Upload: Client } = load('tus-js-client');
    const bytes = bytesOf(7 * STEP + 11);
    const name = freshName();
    t.after(() => fault('', 'DELETE'));
    assert.equal((await fault(`${query}&key=${name}`)).status, 200);
    await new Promise((resolve, reject) => {
      new Client(bytes, {
        endpoint: target.endpoint,
        chunkSize: 2 * STEP,
        retryDelays: [50, 100, 200, 400, 800, 1600, 1600, 1600],
        headers: target.credentials,
        metadata: { filename: name },
        onSuccess: resolve,
        onError: reject,
      }).start();
    });
    assert.ok((await objectOf(target.subject, name)).bytes.equals(bytes));
    const { faults } = await (await fault('', 'GET')).json();
    assert.equal(faults[0].struck, faults[0].count, 'the upload did not meet all of the trouble');
  });
}

// ---- secrets

test('neither the log nor the audit of the gateway holds an upload, a JWT or what was signed', async () => {
  const jwt = await jwtOf(target.subject);
  const headers = { Authorization: `Bearer ${jwt}` };
  const upload = await Upload.create(3, { headers });
  await upload.patch(1, Buffer.from('no'), headers);
  await upload.patch(0, Buffer.from('abc'), headers);
  await tus('DELETE', `${upload.url}x`, headers);
  const secrets = [uploadIdOf(upload.url).slice(0, 40), jwt, 'x-oss-signature=', 'Bearer '];
  const files = fs.readdirSync(process.env.SLUICE_RUN).filter((file) => /^gateway.*\.(log|jsonl)$/.test(file));
  assert.ok(files.length >= 2, files.join());
  for (const file of files) {
    const text = fs.readFileSync(path.join(process.env.SLUICE_RUN, file), 'utf8');
    for (const secret of secrets) assert.ok(!text.includes(secret), `${file} holds ${secret.slice(0, 12)}...`);
  }
});

test('every answer keeps itself out of caches, and errors say how long to wait where waiting helps', async () => {
  const upload = await Upload.create(3);
  for (const answer of [upload.answer, await upload.head(), await upload.patch(0, Buffer.from('abc'))]) {
    assert.ok(listOf(answer.headers['cache-control']).includes('no-store'));
  }
});

test('a browser of another origin may use it: preflight and exposed headers', async () => {
  const origin = 'http://127.0.0.1:1';
  const sent = ['authorization', 'content-type', 'tus-resumable', 'upload-checksum', 'upload-length', 'upload-metadata', 'upload-offset', 'x-http-method-override'];
  const preflight = await send('OPTIONS', target.endpoint, {
    Origin: origin,
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': sent.join(),
  });
  assert.equal(preflight.status, 204);
  assert.ok(['*', origin].includes(preflight.headers['access-control-allow-origin']));
  const allowed = listOf(preflight.headers['access-control-allow-headers']).map((name) => name.toLowerCase());
  assert.deepEqual(sent.filter((name) => !allowed.includes(name)), []);
  for (const method of ['POST', 'PATCH', 'HEAD', 'DELETE']) {
    const asked = await send('OPTIONS', target.endpoint, { Origin: origin, 'Access-Control-Request-Method': method });
    assert.ok(listOf(asked.headers['access-control-allow-methods']).includes(method), `${method} is not allowed`);
  }
  const upload = await Upload.create(3, { headers: { Origin: origin } });
  const exposed = listOf((await upload.head({ Origin: origin })).headers['access-control-expose-headers']).map((name) => name.toLowerCase());
  for (const name of ['upload-offset', 'upload-length', 'tus-resumable', 'location', 'upload-expires']) assert.ok(exposed.includes(name), `${name} is not exposed`);
});
