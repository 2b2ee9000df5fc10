// Every form of credential in the hands of JavaScript: what a browser would post, URLs alone, and the official SDK reading back.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';

const OSS = createRequire(process.env.SLUICE_NODE)('ali-oss');
const picture = fs.readFileSync('deploy/demo/picture.png');

async function jwtOf(subject, claims = '') {
  return (await (await fetch(`${process.env.SLUICE_IDENTITY}/token?subject=${subject}${claims}`)).text()).trim();
}

async function call(path, body, headers) {
  const answer = await fetch(process.env.SLUICE_HTTP + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, ...(await answer.json()) };
}

const use = ({ httpMethod, url, headers }, body) => fetch(url, { method: httpMethod, headers, body });

// The SDK with a token for the whole prefix, to judge what the other forms have stored.
async function sdkOf(jwt) {
  const token = await (await fetch(`${process.env.SLUICE_HTTP}/get_sts_token?grant=photos`, { headers: { authorization: `Bearer ${jwt}` } })).json();
  assert.equal(token.StatusCode, 200, token.ErrorMessage);
  return new OSS({
    endpoint: process.env.SLUICE_OSS,
    bucket: 'sluice-demo',
    region: 'oss-cn-hangzhou',
    authorizationV4: true,
    accessKeyId: token.AccessKeyId,
    accessKeySecret: token.AccessKeySecret,
    stsToken: token.SecurityToken,
    refreshSTSTokenInterval: 3600 * 1000,
  });
}

test('a PUT through a presigned URL is what the SDK reads', async () => {
  const jwt = await jwtOf('jane');
  const auth = { authorization: `Bearer ${jwt}` };
  const signed = await call('/v1/urls:sign', { path: 'url.png', method: 'URL_METHOD_PUT', contentType: 'image/png', contentLength: picture.length }, auth);
  assert.equal(signed.status, 200, signed.message);
  assert.equal((await use(signed.urls[0], picture)).status, 200);
  const stored = await (await sdkOf(jwt)).get('uploads/jane/url.png');
  assert.deepEqual(stored.content, picture);
  assert.equal(stored.res.headers['x-oss-meta-sluice-grant'], signed.grantId);
  assert.equal((await use(signed.urls[0], picture.subarray(1))).status, 403);
});

test('a form as a browser posts it', async () => {
  const jwt = await jwtOf('jane');
  const form = await call('/v1/forms:sign', { path: 'album/', contentType: 'image/png', successStatus: 201 }, { authorization: `Bearer ${jwt}` });
  const data = new FormData();
  for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
  data.append('file', new Blob([picture], { type: 'image/png' }), 'kätzchen "1".png');
  data.append('submit', 'Upload');
  const answer = await fetch(form.url, { method: 'POST', body: data });
  const text = await answer.text();
  assert.equal(answer.status, 201, text);
  const list = await (await sdkOf(jwt)).listV2({ prefix: 'uploads/jane/album/' });
  assert.equal(list.objects.length, 1);
  assert.ok(list.objects[0].name.startsWith('uploads/jane/album/k'));
  assert.equal(list.objects[0].size, picture.length);
});

test('a multipart upload by part URLs alone', async () => {
  const jwt = await jwtOf('jane');
  const auth = { authorization: `Bearer ${jwt}` };
  const body = crypto.randomBytes(700_000);
  const plan = await call('/v1/uploads:plan', { path: 'parts.bin', sizeBytes: body.length, forms: ['UPLOAD_FORM_PART_URLS'] }, auth);
  assert.equal(plan.form, 'UPLOAD_FORM_PART_URLS', plan.message);
  const id = /<UploadId>(.*)<\/UploadId>/.exec(await (await use(plan.partUrls.initiate.urls[0])).text())[1];
  // Smaller parts than planned, so that there are several.
  const size = 300_000;
  const numbers = [1, 2, 3];
  const signed = await call('/v1/urls:sign', { path: 'parts.bin', method: 'URL_METHOD_UPLOAD_PART', uploadId: id, partNumbers: numbers }, auth);
  const tags = await Promise.all(signed.urls.map(async (url, i) => (await use(url, body.subarray(i * size, (i + 1) * size))).headers.get('etag')));
  const complete = await call('/v1/urls:sign', { path: 'parts.bin', method: 'URL_METHOD_COMPLETE_MULTIPART', uploadId: id }, auth);
  const xml = `<CompleteMultipartUpload>${tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${tag}</ETag></Part>`).join('')}</CompleteMultipartUpload>`;
  assert.equal((await use(complete.urls[0], xml)).status, 200);
  assert.deepEqual((await (await sdkOf(jwt)).get('uploads/jane/parts.bin')).content, body);
});

test('a ticket is an address for a provider that can send no header', async () => {
  const web = await jwtOf('web', '&role=backend');
  const ticket = await call('/v1/tickets:issue', { grant: 'photos', subject: 'kim', operations: ['OPERATION_UPLOAD', 'OPERATION_DOWNLOAD'] }, { authorization: `Bearer ${web}` });
  assert.equal(ticket.status, 200, ticket.message);
  const token = await (await fetch(`${process.env.SLUICE_HTTP}/get_sts_token?ticket=${ticket.ticket}`)).json();
  assert.equal(token.StatusCode, 200, token.ErrorMessage);
  const client = new OSS({ endpoint: process.env.SLUICE_OSS, bucket: 'sluice-demo', region: 'oss-cn-hangzhou', authorizationV4: true, accessKeyId: token.AccessKeyId, accessKeySecret: token.AccessKeySecret, stsToken: token.SecurityToken, refreshSTSTokenInterval: 3600 * 1000 });
  assert.equal((await client.put('uploads/kim/a.png', picture)).res.status, 200);
  await assert.rejects(client.put('uploads/jane/a.png', picture), { code: 'AccessDenied' });
});

test("the SDK's own picture processing, and the broker's URL for it, answer a smaller picture", async () => {
  const jwt = await jwtOf('jane');
  const auth = { authorization: `Bearer ${jwt}` };
  const client = await sdkOf(jwt);
  await client.put('uploads/jane/p.png', picture);
  const direct = await client.get('uploads/jane/p.png', { process: 'image/resize,w_20' });
  const signed = await call('/v1/urls:sign', { path: 'p.png', method: 'URL_METHOD_GET', process: 'image/resize,w_20' }, auth);
  const small = Buffer.from(await (await use(signed.urls[0])).arrayBuffer());
  for (const answer of [direct.content, small]) {
    assert.equal(answer.readUInt32BE(16), 20);
    assert.ok(answer.length < picture.length);
  }
});
