// tus 1.0.0 (protocol.md of tus/tus-resumable-upload-protocol), rule by rule, on the wire.
//
// Each test is a claim of the text, named by its section and by the word with which the text demands it. RULE is what the text says
// without such a word, HOSTILE what it does not say and a server on the open Internet must bear. Offsets are the server's to choose: how
// much of a body is kept is read from its answers, so a server that stores in units passes, and one that promises what it has not fails.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { section } from './claim.mjs';
import { LARGE, OFFSET_TYPE, STEP, Upload, base64, freshName, gone, integer, listOf, metadataOf, refused, target, tus, tusHead } from './upload.mjs';
import { cut, send, talk } from './wire.mjs';

const bytesOf = (size) => crypto.randomBytes(size);
const named = () => ({ 'Upload-Metadata': metadataOf({ filename: freshName() }) });
const unknown = () => new URL(`${crypto.randomBytes(16).toString('hex')}`, target.endpoint).href;
const digest = (algorithm, bytes) => crypto.createHash(algorithm).update(bytes).digest('base64');

// ---- core: headers

const version = section('core, Tus-Resumable');

version('MUST', 'every answer but that to OPTIONS carries the version of the protocol', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  const answers = {
    creation: upload.answer,
    HEAD: await upload.head(),
    'a wrong offset': await upload.patch(7, bytes.subarray(7)),
    'a wrong type': await upload.patch(0, bytes, { 'Content-Type': 'text/plain' }),
    'a wrong version': await upload.head({ 'Tus-Resumable': '0.2.2' }),
    'a wrong length': await tus('POST', target.endpoint, { 'Upload-Length': 'many', ...named() }),
    'an unknown upload': await tus('HEAD', unknown()),
    PATCH: await upload.patch(0, bytes),
  };
  for (const [what, answer] of Object.entries(answers)) assert.equal(answer.headers['tus-resumable'], '1.0.0', `the answer to ${what}`);
});

for (const [what, value] of [['another version', '0.2.2'], ['a version that is none', 'one'], ['no version', undefined]]) {
  version('MUST', `${what} is 412 with Tus-Version, whatever the method`, async () => {
    const upload = await Upload.create(20);
    const headers = { 'Tus-Resumable': value };
    const answers = {
      POST: await tus('POST', target.endpoint, { ...headers, 'Upload-Length': 5, ...named() }),
      HEAD: await upload.head(headers),
      PATCH: await upload.patch(0, bytesOf(20), headers),
    };
    if (target.extensions.includes('termination')) answers.DELETE = await tus('DELETE', upload.url, headers);
    for (const [method, answer] of Object.entries(answers)) {
      assert.equal(answer.status, 412, `${method} was answered ${answer.status}`);
      assert.ok(listOf(answer.headers['tus-version']).includes('1.0.0'), `Tus-Version in the answer to ${method}`);
    }
  });

  version('MUST NOT', `a request with ${what} is not processed`, async () => {
    const bytes = bytesOf(20);
    const upload = await Upload.create(bytes.length);
    const headers = { 'Tus-Resumable': value };
    const created = await tus('POST', target.endpoint, { ...headers, 'Upload-Length': 5, ...named() });
    await upload.patch(0, bytesOf(20), headers);
    await tus('DELETE', upload.url, headers);
    assert.equal(created.headers.location, undefined);
    await upload.assertUntouched(0, bytes);
  });
}

const override = section('core, X-HTTP-Method-Override');

override('MUST', 'POST that overrides to PATCH is PATCH', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  const answer = await tus('POST', upload.url, { 'X-HTTP-Method-Override': 'PATCH', 'Content-Type': OFFSET_TYPE, 'Upload-Offset': 0 }, bytes);
  assert.equal(answer.status, 204);
  assert.equal(answer.headers['upload-offset'], '20');
  await upload.assertStored(bytes);
});

override('MUST', 'the method of the request line is ignored: GET that overrides to HEAD is HEAD', async () => {
  const upload = await Upload.create(20);
  const answer = await tus('GET', upload.url, { 'X-HTTP-Method-Override': 'HEAD' });
  assert.ok([200, 204].includes(answer.status), `answered ${answer.status}`);
  assert.equal(answer.headers['upload-offset'], '0');
  assert.equal(answer.headers['upload-length'], '20');
});

override('MUST', 'a method that is overridden does not happen: DELETE that overrides to HEAD deletes nothing', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  await tus('DELETE', upload.url, { 'X-HTTP-Method-Override': 'HEAD' });
  await upload.assertUntouched(0, bytes);
});

override('MUST', 'PATCH that overrides to a method nobody knows changes nothing', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  const answer = await upload.patch(0, bytesOf(20), { 'X-HTTP-Method-Override': 'BREW' });
  assert.ok(answer.status >= 400, `answered ${answer.status}`);
  await upload.assertUntouched(0, bytes);
});

// ---- core: OPTIONS

const ask = section('core, OPTIONS');

ask('MUST', 'success is 200 or 204 and has Tus-Version, a list with 1.0.0 in it', async () => {
  const answer = await send('OPTIONS', target.endpoint, target.credentials);
  assert.ok([200, 204].includes(answer.status), `answered ${answer.status}`);
  assert.ok(listOf(answer.headers['tus-version']).includes('1.0.0'));
});

ask('MUST', 'Tus-Resumable is ignored, even one that is not supported', async () => {
  const plain = await send('OPTIONS', target.endpoint, target.credentials);
  const odd = await send('OPTIONS', target.endpoint, { ...target.credentials, 'Tus-Resumable': '0.0.1' });
  assert.equal(odd.status, plain.status);
  assert.equal(odd.headers['tus-version'], plain.headers['tus-version']);
});

ask('MUST', 'Tus-Extension is a list of names, and is left out rather than empty', async () => {
  const { headers } = await send('OPTIONS', target.endpoint, target.credentials);
  if (headers['tus-extension'] === undefined) return;
  const names = headers['tus-extension'].split(',');
  for (const name of names) assert.match(name.trim(), /^[a-z][a-z-]*$/);
  assert.equal(new Set(names).size, names.length);
});

ask('MUST', 'Tus-Max-Size, where there is one, is a non-negative integer', async () => {
  const { headers } = await send('OPTIONS', target.endpoint, target.credentials);
  if (headers['tus-max-size'] !== undefined) integer(headers['tus-max-size']);
});

// ---- core: HEAD

const look = section('core, HEAD');

look('MUST', 'Upload-Offset is there at 0, and Upload-Length where it is known', async () => {
  const answer = await (await Upload.create(4711)).head();
  assert.equal(answer.headers['upload-offset'], '0');
  assert.equal(answer.headers['upload-length'], '4711');
});

look('MUST', 'Upload-Offset is there half way', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(bytes.length);
  const told = await upload.step(bytes);
  const answer = await upload.head();
  assert.equal(answer.headers['upload-offset'], String(told));
  assert.equal(answer.headers['upload-length'], String(LARGE));
});

look('MUST', 'Upload-Offset is there when the upload is complete', async () => {
  const bytes = bytesOf(300);
  const upload = await Upload.create(bytes.length);
  await upload.finish(bytes);
  const answer = await upload.head();
  assert.ok([200, 204].includes(answer.status), `answered ${answer.status}`);
  assert.equal(answer.headers['upload-offset'], '300');
  assert.equal(answer.headers['upload-length'], '300');
});

look('SHOULD', 'success is 200 or 204', async () => {
  const answer = await (await Upload.create(1)).head();
  assert.ok([200, 204].includes(answer.status), `answered ${answer.status}`);
});

look('MUST', 'Cache-Control keeps the answer out of caches', async () => {
  const answer = await (await Upload.create(1)).head();
  assert.ok(listOf(answer.headers['cache-control']).includes('no-store'), `Cache-Control: ${answer.headers['cache-control']}`);
});

look('SHOULD', 'an unknown upload is 404, 410 or 403, without Upload-Offset', async () => {
  const answer = await tus('HEAD', unknown());
  assert.ok([404, 410, 403].includes(answer.status), `answered ${answer.status}`);
  assert.equal(answer.headers['upload-offset'], undefined);
});

// ---- core: PATCH

const write = section('core, PATCH');

write('MUST', 'success is 204 with the new Upload-Offset, and all of a body that completes the upload counts', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(bytes.length);
  const answer = await upload.patch(0, bytes);
  assert.equal(answer.status, 204);
  assert.equal(answer.headers['upload-offset'], String(LARGE));
  assert.equal(answer.body.length, 0);
  await upload.assertStored(bytes);
});

write('MUST', 'the new offset is the old one and what was stored of the body: HEAD says the same', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(bytes.length);
  let before = 0;
  for (let i = 0; i < 3; ++i) {
    const told = await upload.step(bytes, STEP + 1);
    assert.ok(told > before, `a piece of ${STEP + 1} bytes moved the offset from ${before} to ${told}`);
    assert.ok(told <= before + STEP + 1, `the offset went beyond what was sent: ${told}`);
    assert.equal(await upload.offset(), told);
    before = told;
  }
  await upload.finish(bytes);
  await upload.assertStored(bytes);
});

const inPieces = async (length, piece) => {
  const bytes = bytesOf(length);
  const upload = await Upload.create(length);
  let at = 0;
  while (at < length) {
    const told = await upload.step(bytes, piece);
    assert.ok(told > at, `a piece of ${piece} bytes left an upload of ${length} at ${told}`);
    at = told;
  }
  await upload.assertStored(bytes);
};

write('RULE', 'an upload may come in several requests, and each brings it forward', async () => {
  await inPieces(LARGE, 700_001);
  await inPieces(3 * STEP, 400_000);
});

write('RULE', 'an upload may come in several requests, however small they are', async () => {
  await inPieces(100, 7);
  await inPieces(300_000, 70_000);
});

write('SHOULD', 'another Content-Type is 415, and nothing of the body is taken', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  for (const type of ['text/plain', 'application/octet-stream', 'application/offset+octet-streams', undefined]) {
    const answer = await upload.patch(0, bytesOf(20), { 'Content-Type': type });
    assert.equal(answer.status, 415, `${type} was answered ${answer.status}`);
  }
  await upload.assertUntouched(0, bytes);
});

write('MUST', 'an offset that is not the current one is 409, and the upload stays as it is', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(bytes.length);
  assert.equal((await upload.patch(1, bytesOf(10))).status, 409, 'ahead of 0');
  const at = await upload.step(bytes);
  for (const offset of [0, at - 1, at + 1, LARGE - 1, LARGE]) {
    const answer = await upload.patch(offset, bytesOf(Math.min(10, LARGE - offset)));
    assert.equal(answer.status, 409, `${offset} in the place of ${at} was answered ${answer.status}`);
  }
  await upload.assertUntouched(at, bytes);
});

write('RULE', 'Upload-Offset is asked for', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  refused(await upload.patch(undefined, bytesOf(20)));
  await upload.assertUntouched(0, bytes);
});

write('SHOULD', 'an unknown upload is 404', async () => {
  const answer = await tus('PATCH', unknown(), { 'Content-Type': OFFSET_TYPE, 'Upload-Offset': 0 }, bytesOf(5));
  assert.equal(answer.status, 404);
  assert.equal(answer.headers['upload-offset'], undefined);
});

write('SHOULD', 'of a body that broke off midway as much as can be is kept, never more than came, and the rest completes it', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(bytes.length);
  const came = 3 * STEP + 12_345;
  await cut(upload.url, tusHead('PATCH', upload.url, { 'Content-Type': OFFSET_TYPE, 'Upload-Offset': 0, 'Content-Length': LARGE }), bytes.subarray(0, came));
  let kept = 0;
  for (let attempt = 0; attempt < 100 && kept === 0; ++attempt) {
    kept = await upload.offset();
    if (kept === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(kept > 0, `nothing was kept of ${came} bytes`);
  assert.ok(kept <= came, `${kept} bytes are said to be there, and ${came} came`);
  await upload.finish(bytes);
  await upload.assertStored(bytes);
});

write('RULE', 'a body without a length (chunked) is a body like another', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(bytes.length);
  const chunks = [];
  for (let at = 0; at < bytes.length; at += 999_983) {
    const piece = bytes.subarray(at, at + 999_983);
    chunks.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  const text = tusHead('PATCH', upload.url, { 'Content-Type': OFFSET_TYPE, 'Upload-Offset': 0, 'Transfer-Encoding': 'chunked' });
  const [answer] = await talk(upload.url, Buffer.concat([Buffer.from(text), ...chunks, Buffer.from('0\r\n\r\n')]), ['PATCH']);
  assert.equal(answer.status, 204);
  assert.equal(answer.headers['upload-offset'], String(LARGE));
  await upload.assertStored(bytes);
});

// ---- creation

const creation = section('creation', 'creation');

creation('MUST', '201 with a Location, absolute or relative, where the upload is', async () => {
  const upload = await Upload.create(11);
  assert.ok(upload.url.startsWith(new URL('/', target.endpoint).href), 'another server is not where it was created');
  assert.notEqual(upload.url, target.endpoint);
  assert.equal((await upload.head()).headers['upload-length'], '11');
});

creation('RULE', 'each creation is an upload of its own', async () => {
  const [one, other] = [await Upload.create(3), await Upload.create(3)];
  assert.notEqual(one.url, other.url);
  await one.finish(Buffer.from('one'));
  assert.equal(await other.offset(), 0);
});

creation('MUST', 'neither Upload-Length nor Upload-Defer-Length is refused', async () => {
  const answer = await tus('POST', target.endpoint, named());
  assert.equal(answer.status, 400);
  assert.equal(answer.headers.location, undefined);
});

creation('RULE', 'Upload-Length 0 is complete at once, without PATCH', async () => {
  const upload = await Upload.create(0);
  const answer = await upload.head();
  assert.equal(answer.headers['upload-offset'], '0');
  assert.equal(answer.headers['upload-length'], '0');
  await upload.assertStored(Buffer.alloc(0));
});

creation('MUST', 'Upload-Length is a non-negative integer, and nothing else creates an upload', async () => {
  for (const value of ['-1', '1.5', '1e3', '0x10', '+5', 'abc', '', '1 2', '5,5', 'NaN', 'Infinity', '１２']) {
    const answer = await tus('POST', target.endpoint, { 'Upload-Length': Buffer.from(value).toString('latin1'), ...named() });
    refused(answer, `Upload-Length: ${value}`);
    assert.equal(answer.headers.location, undefined);
  }
});

creation('MUST', 'a length beyond Tus-Max-Size is 413', async (t) => {
  if (target.maxSize === undefined) return t.skip('the server names no Tus-Max-Size');
  const answer = await tus('POST', target.endpoint, { 'Upload-Length': String(BigInt(target.maxSize) + 1n), ...named() });
  assert.equal(answer.status, 413);
  assert.equal(answer.headers.location, undefined);
});

creation('MUST', 'a length that no integer of a machine holds is 413 or 400', async () => {
  for (const value of [String(2n ** 63n), String(2n ** 64n), String(2n ** 64n + 5n), `1${'0'.repeat(40)}`]) {
    const answer = await tus('POST', target.endpoint, { 'Upload-Length': value, ...named() });
    assert.ok([400, 413].includes(answer.status), `${value} was answered ${answer.status}`);
    assert.equal(answer.headers.location, undefined);
  }
});

creation('MUST', 'HEAD answers Upload-Metadata as it was given', async () => {
  const filename = freshName();
  for (const value of [
    metadataOf({ filename }),
    metadataOf({ filename: freshName(), note: 'Grüße, 世界' }),
    metadataOf({ note: 'first', filename: freshName(), is_confidential: '' }),
  ]) {
    const upload = await Upload.create(3, { headers: { 'Upload-Metadata': value } });
    assert.equal((await upload.head()).headers['upload-metadata'], value);
  }
});

creation('MAY', 'the space before an empty value is there or left out', async () => {
  const given = `is_confidential ,filename ${base64(freshName())}`;
  const upload = await Upload.create(3, { headers: { 'Upload-Metadata': given } });
  const found = (await upload.head()).headers['upload-metadata'];
  assert.equal(found.replace('is_confidential ,', 'is_confidential,'), given.replace(' ,', ','));
});

creation('MUST', 'HEAD still answers Upload-Metadata when the upload is complete', async () => {
  const value = metadataOf({ filename: freshName(), note: 'kept' });
  const upload = await Upload.create(3, { headers: { 'Upload-Metadata': value } });
  await upload.finish(bytesOf(3));
  assert.equal((await upload.head()).headers['upload-metadata'], value);
});

creation('MUST', 'Upload-Metadata of another grammar is refused', async () => {
  const name = () => `filename ${base64(freshName())}`;
  for (const [what, value] of Object.entries({
    'a value that is not Base64': `${name()},note no*base64`,
    'Base64 without its padding': `${name()},note YQ`,
    'Base64 with padding in its midst': `${name()},note YQ==YQ==`,
    'a key twice': `${name()},note YQ==,note Yg==`,
    'an empty pair': `${name()},,note YQ==`,
    'three words': `${name()},note YQ== YQ==`,
    nothing: '',
  })) {
    const answer = await tus('POST', target.endpoint, { 'Upload-Length': 3, 'Upload-Metadata': value });
    assert.equal(answer.status, 400, `${what} was answered ${answer.status}`);
  }
});

creation('SHOULD', 'metadata cannot smuggle headers into any answer', async () => {
  const value = metadataOf({ filename: freshName(), note: 'x\r\nX-Smuggled: yes\r\n\r\n<script>' });
  const answer = await tus('POST', target.endpoint, { 'Upload-Length': 3, 'Upload-Metadata': value });
  const answers = [answer];
  if (answer.status === 201) answers.push(await tus('HEAD', new URL(answer.headers.location, target.endpoint).href));
  else refused(answer);
  for (const { headers } of answers) assert.equal(headers['x-smuggled'], undefined);
});

creation('SHOULD', 'Upload-Defer-Length other than 1 is 400', async () => {
  for (const value of ['0', '2', 'true', '']) {
    const answer = await tus('POST', target.endpoint, { 'Upload-Defer-Length': value, ...named() });
    assert.equal(answer.status, 400, `${value} was answered ${answer.status}`);
  }
});

creation('MUST', 'a length that is there and deferred at once is refused', async () => {
  refused(await tus('POST', target.endpoint, { 'Upload-Length': 3, 'Upload-Defer-Length': 1, ...named() }));
});

creation('MUST', 'a length cannot be deferred where creation-defer-length is not advertised', async (t) => {
  if (target.extensions.includes('creation-defer-length')) return t.skip('the server advertises creation-defer-length');
  const answer = await tus('POST', target.endpoint, { 'Upload-Defer-Length': 1, ...named() });
  assert.equal(answer.status, 400);
  assert.equal(answer.headers.location, undefined);
});

const deferred = section('creation, deferred length', 'creation-defer-length');
const later = () => Upload.create(undefined, { headers: { 'Upload-Defer-Length': 1 } });

deferred('MUST', 'HEAD says Upload-Defer-Length 1 and no length, until the length is known, and then the length alone', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await later();
  const before = await upload.head();
  assert.equal(before.headers['upload-defer-length'], '1');
  assert.equal(before.headers['upload-length'], undefined);
  assert.equal(before.headers['upload-offset'], '0');
  const at = await upload.step(bytes);
  assert.equal((await upload.head()).headers['upload-defer-length'], '1');
  assert.equal((await upload.patch(at, bytes.subarray(at, at + STEP), { 'Upload-Length': LARGE })).status, 204);
  const after = await upload.head();
  assert.equal(after.headers['upload-defer-length'], undefined);
  assert.equal(after.headers['upload-length'], String(LARGE));
  await upload.finish(bytes);
  await upload.assertStored(bytes);
});

deferred('RULE', 'the length may come with the first PATCH, or with one that brings nothing more', async () => {
  const bytes = bytesOf(STEP);
  const first = await later();
  assert.equal((await first.patch(0, bytes, { 'Upload-Length': STEP })).status, 204);
  await first.assertStored(bytes);
  const last = await later();
  let at = 0;
  for (let steps = 0; at < STEP && steps < 10; ++steps) at = await last.step(bytes);
  assert.equal(at, STEP);
  const answer = await last.patch(at, Buffer.alloc(0), { 'Upload-Length': STEP });
  assert.equal(answer.status, 204);
  assert.equal(answer.headers['upload-offset'], String(STEP));
  await last.assertStored(bytes);
});

deferred('MUST NOT', 'a length that is set does not change', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await later();
  const answer = await upload.patch(0, bytes.subarray(0, STEP), { 'Upload-Length': LARGE });
  assert.equal(answer.status, 204);
  const at = integer(answer.headers['upload-offset']);
  refused(await upload.patch(at, bytes.subarray(at, at + STEP), { 'Upload-Length': LARGE + 1 }), 'another length');
  assert.equal((await upload.head()).headers['upload-length'], String(LARGE));
  await upload.assertUntouched(at, bytes);
});

deferred('RULE', 'a length below what is there already is refused', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await later();
  const at = await upload.step(bytes);
  refused(await upload.patch(at, Buffer.alloc(0), { 'Upload-Length': at - 1 }), 'a length below the offset');
  assert.equal(await upload.offset(), at);
});

// ---- creation with upload

const together = section('creation with upload', 'creation-with-upload');
const typed = { 'Content-Type': OFFSET_TYPE };

together('MUST NOT', 'it is not offered without creation', async () => {
  assert.ok(target.extensions.includes('creation'));
});

together('MUST', 'the answer says how much of the body was taken; the whole of it may complete the upload', async () => {
  for (const size of [5, LARGE]) {
    const bytes = bytesOf(size);
    const upload = await Upload.create(size, { headers: typed, body: bytes });
    assert.equal(upload.answer.headers['upload-offset'], String(size));
    assert.equal((await upload.head()).headers['upload-offset'], String(size));
    await upload.assertStored(bytes);
  }
});

together('SHOULD', 'the first part of a body is taken, and PATCH brings the rest', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(LARGE, { headers: typed, body: bytes.subarray(0, STEP + 17) });
  const at = integer(upload.answer.headers['upload-offset']);
  assert.ok(at > 0 && at <= STEP + 17, `Upload-Offset: ${at}`);
  await upload.assertUntouched(at, bytes);
});

together('MUST', 'a body of another Content-Type is not taken for the upload', async () => {
  const answer = await tus('POST', target.endpoint, { 'Upload-Length': 5, 'Content-Type': 'text/plain', ...named() }, Buffer.from('hello'));
  if (answer.status !== 201) return refused(answer);
  const at = (await tus('HEAD', new URL(answer.headers.location, target.endpoint).href)).headers['upload-offset'];
  assert.equal(at, '0');
});

together('RULE', 'a body beyond Upload-Length is refused', async () => {
  const answer = await tus('POST', target.endpoint, { 'Upload-Length': 5, ...typed, ...named() }, Buffer.from('hello world'));
  refused(answer);
});

together('RULE', 'Expect: 100-continue is answered, and then the upload is complete', async () => {
  const bytes = bytesOf(STEP);
  const upload = await Upload.create(STEP, { headers: { ...typed, 'Content-Length': STEP, Expect: '100-continue' }, body: bytes });
  assert.equal(upload.answer.headers['upload-offset'], String(STEP));
  await upload.assertStored(bytes);
});

// ---- expiration

const expiration = section('expiration', 'expiration');
const assertExpires = (answer) => {
  const value = answer.headers['upload-expires'];
  assert.match(value ?? '', /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/, 'Upload-Expires');
  assert.equal(new Date(value).toUTCString(), value, 'the day of the week is that of the date');
  assert.ok(Date.parse(value) > Date.now(), `${value} is over`);
};

expiration('MUST', 'Upload-Expires is in the answer to the creation, where it is known, and is a date of RFC 9110', async () => {
  assertExpires((await Upload.create(11)).answer);
});

expiration('MUST', 'Upload-Expires is in the answer to each PATCH of an upload that is not complete', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(LARGE);
  const first = await upload.patch(0, bytes.subarray(0, STEP));
  assertExpires(first);
  const at = integer(first.headers['upload-offset']);
  assertExpires(await upload.patch(at, bytes.subarray(at, at + STEP)));
});

expiration('SHOULD', 'an upload that has expired is 404 or 410', async (t) => {
  const shortLived = process.env.SLUICE_TUS_SHORT_LIVED;
  if (!shortLived) return t.skip('no server whose uploads live for a moment only');
  const created = await tus('POST', shortLived, { 'Upload-Length': 5, ...named() });
  assert.equal(created.status, 201);
  const url = new URL(created.headers.location, shortLived).href;
  let answer;
  for (let attempt = 0; attempt < 100; ++attempt) {
    answer = await tus('HEAD', url);
    if (answer.status >= 400) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  gone(answer);
  gone(await tus('PATCH', url, { ...typed, 'Upload-Offset': 0 }, Buffer.from('hello')));
});

// ---- checksum

const checksum = section('checksum', 'checksum');
const sum = (algorithm, value) => ({ 'Upload-Checksum': `${algorithm} ${value}` });

checksum('MUST', 'OPTIONS lists the algorithms, sha1 among them, in ASCII without capitals', async () => {
  const { headers } = await send('OPTIONS', target.endpoint, target.credentials);
  const names = listOf(headers['tus-checksum-algorithm']);
  assert.ok(names.includes('sha1'), `Tus-Checksum-Algorithm: ${headers['tus-checksum-algorithm']}`);
  for (const name of names) assert.match(name, /^[\x21-\x2b\x2d-\x40\x5b-\x7e]+$/);
});

checksum('MUST', 'a body that matches is taken, in each algorithm that is listed', async () => {
  for (const algorithm of target.algorithms) {
    const bytes = bytesOf(LARGE);
    const upload = await Upload.create(LARGE);
    for (let at = 0, before = -1; at < LARGE; ) {
      assert.ok(at > before, `the offset stays at ${at}`);
      before = at;
      const piece = bytes.subarray(at, at + 2 * STEP);
      const answer = await upload.patch(at, piece, sum(algorithm, sumOf(algorithm, piece)));
      assert.equal(answer.status, 204, `${algorithm} was answered ${answer.status}: ${answer.body}`);
      at = integer(answer.headers['upload-offset']);
    }
    await upload.assertStored(bytes);
  }
});

checksum('MUST', 'a body that does not match is 460, is discarded, and leaves the offset', async () => {
  for (const size of [50, 3 * STEP]) {
    const bytes = bytesOf(size);
    const upload = await Upload.create(size);
    for (const algorithm of target.algorithms) {
      const answer = await upload.patch(0, bytesOf(size), sum(algorithm, sumOf(algorithm, bytes)));
      assert.equal(answer.status, 460, `${algorithm} was answered ${answer.status}`);
    }
    await upload.assertUntouched(0, bytes);
  }
});

checksum('MUST', 'half way, too, a body that does not match leaves the offset', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(LARGE);
  const at = await upload.step(bytes);
  const answer = await upload.patch(at, bytesOf(STEP), sum('sha1', digest('sha1', bytes.subarray(at, at + STEP))));
  assert.equal(answer.status, 460);
  await upload.assertUntouched(at, bytes);
});

checksum('MUST', 'an algorithm that is not supported is 400, and leaves the offset', async () => {
  const bytes = bytesOf(50);
  const upload = await Upload.create(bytes.length);
  for (const algorithm of ['md4', 'sha3-999', 'SHA1', 'none']) {
    if (target.algorithms.includes(algorithm)) continue;
    const answer = await upload.patch(0, bytes, sum(algorithm, digest('sha1', bytes)));
    assert.equal(answer.status, 400, `${algorithm} was answered ${answer.status}`);
  }
  await upload.assertUntouched(0, bytes);
});

checksum('MUST', 'Upload-Checksum of another grammar is refused, and leaves the offset', async () => {
  const bytes = bytesOf(50);
  const right = digest('sha1', bytes);
  const upload = await Upload.create(bytes.length);
  for (const value of ['', 'sha1', `sha1${right}`, `sha1 ${right.replace('=', '')}*`, `sha1 ${right} ${right}`, 'sha1 YWJj', right, `sha1,${right}`]) {
    refused(await upload.patch(0, bytes, { 'Upload-Checksum': value }), `Upload-Checksum: ${value}`);
  }
  await upload.assertUntouched(0, bytes);
});

checksum('RULE', 'it holds for the body of a creation with upload as for a PATCH', async (t) => {
  if (!target.extensions.includes('creation-with-upload')) return t.skip('the server does not advertise creation-with-upload');
  const bytes = bytesOf(50);
  const upload = await Upload.create(50, { headers: { ...typed, ...sum('sha1', digest('sha1', bytes)) }, body: bytes });
  await upload.assertStored(bytes);
  const wrong = await tus('POST', target.endpoint, { 'Upload-Length': 50, ...typed, ...named(), ...sum('sha1', digest('sha1', bytesOf(50))) }, bytes);
  assert.equal(wrong.status, 460);
});

// As the text names them; crc32 is the common one, big-endian.
function sumOf(algorithm, bytes) {
  if (algorithm !== 'crc32' && algorithm !== 'crc32c') return digest(algorithm, bytes);
  const polynomial = algorithm === 'crc32' ? 0xedb88320 : 0x82f63b78;
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; ++bit) value = (value >>> 1) ^ (value & 1 ? polynomial : 0);
    return value;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  const answer = Buffer.alloc(4);
  answer.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
  return answer.toString('base64');
}

// ---- termination

const termination = section('termination', 'termination');

termination('MUST', 'DELETE of an unfinished upload is 204, and the upload is 404 or 410 ever after', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(LARGE);
  await upload.step(bytes);
  const answer = await tus('DELETE', upload.url);
  assert.equal(answer.status, 204);
  assert.equal(answer.body.length, 0);
  gone(await upload.head());
  gone(await upload.patch(0, bytesOf(10)));
});

termination('SHOULD', 'DELETE again is 404 or 410', async () => {
  const upload = await Upload.create(LARGE);
  assert.equal((await tus('DELETE', upload.url)).status, 204);
  gone(await tus('DELETE', upload.url));
});

termination('MUST', 'DELETE of an upload that has nothing yet is 204, and the upload is 404 or 410 ever after', async () => {
  const upload = await Upload.create(50);
  assert.equal((await tus('DELETE', upload.url)).status, 204);
  gone(await upload.head());
  gone(await upload.patch(0, bytesOf(50)));
});

termination('MUST', 'DELETE of a complete upload is 204, and the upload is 404 or 410 ever after', async () => {
  const upload = await Upload.create(5);
  await upload.finish(Buffer.from('hello'));
  assert.equal((await tus('DELETE', upload.url)).status, 204);
  gone(await upload.head());
});

termination('SHOULD', 'DELETE of an unknown upload is 404 or 410', async () => {
  gone(await tus('DELETE', unknown()));
});

termination('MUST', 'DELETE by X-HTTP-Method-Override is DELETE', async () => {
  const upload = await Upload.create(50);
  assert.equal((await tus('POST', upload.url, { 'X-HTTP-Method-Override': 'DELETE' })).status, 204);
  gone(await upload.head());
});

// ---- what the text leaves to good sense

const hostile = section('hostile');

hostile('HOSTILE', 'Upload-Offset that is no non-negative integer is refused, and changes nothing', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  for (const value of ['-1', '0x0', '1e0', '0.0', 'abc', '', ' ', '+0', '0,0', String(2n ** 64n), `1${'0'.repeat(400)}`]) {
    refused(await upload.patch(value, bytesOf(20)), `Upload-Offset: ${value}`);
  }
  await upload.assertUntouched(0, bytes);
});

hostile('HOSTILE', 'Upload-Offset twice, of two values, is refused, and changes nothing', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  const text = tusHead('PATCH', upload.url, { 'Content-Type': OFFSET_TYPE, 'Upload-Offset': ['0', '7'], 'Content-Length': 20, Connection: 'close' });
  const [answer] = await talk(upload.url, Buffer.concat([Buffer.from(text), bytesOf(20)]), ['PATCH']);
  refused(answer);
  await upload.assertUntouched(0, bytes);
});

hostile('HOSTILE', 'a body beyond Upload-Length is refused, and the upload is as if it had not come', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  refused(await upload.patch(0, bytesOf(21)));
  await upload.assertUntouched(0, bytes);
});

hostile('HOSTILE', 'a chunked body beyond Upload-Length never makes an upload longer than that', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  const text = tusHead('PATCH', upload.url, { 'Content-Type': OFFSET_TYPE, 'Upload-Offset': 0, 'Transfer-Encoding': 'chunked', Connection: 'close' });
  const [answer] = await talk(upload.url, Buffer.concat([Buffer.from(`${text}14\r\n`), bytes, Buffer.from('\r\n5\r\nextra\r\n0\r\n\r\n')]), ['PATCH']);
  refused(answer);
  await upload.finish(bytes);
  await upload.assertStored(bytes);
});

hostile('HOSTILE', 'a complete upload takes no more', async () => {
  const bytes = Buffer.from('hello');
  const upload = await Upload.create(5);
  await upload.finish(bytes);
  refused(await upload.patch(5, Buffer.from('!')));
  refused(await upload.patch(0, Buffer.from('HELLO')));
  await upload.assertUntouched(5, bytes);
});

hostile('HOSTILE', 'more after a body than its Content-Length is another request, never part of the upload', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  const text = tusHead('PATCH', upload.url, { 'Content-Type': OFFSET_TYPE, 'Upload-Offset': 0, 'Content-Length': 10, Connection: 'close' });
  await talk(upload.url, Buffer.concat([Buffer.from(text), bytes.subarray(0, 10), Buffer.from('XXXXXXXXXX\r\n\r\n')]), ['PATCH']);
  const at = await upload.offset();
  assert.ok(at <= 10, `the offset is ${at}`);
  await upload.assertUntouched(at, bytes);
});

hostile('HOSTILE', 'a body framed twice over, or by a length that is none, is refused', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  const base = { 'Content-Type': OFFSET_TYPE, 'Upload-Offset': 0 };
  for (const framing of [
    { 'Content-Length': '20', 'Transfer-Encoding': 'chunked' },
    { 'Content-Length': ['5', '6'] },
    { 'Content-Length': '-5' },
    { 'Content-Length': '5x' },
    { 'Content-Length': '99999999999999999999999' },
    { 'Transfer-Encoding': 'chunked, identity' },
  ]) {
    const answers = await talk(upload.url, Buffer.concat([Buffer.from(tusHead('PATCH', upload.url, { ...base, ...framing })), Buffer.from('5\r\nhello\r\n0\r\n\r\n')]), ['PATCH']);
    const status = answers[0]?.status ?? 'closed';
    assert.ok(status === 'closed' || (status >= 400 && status < 600), `${JSON.stringify(framing)} was answered ${status}`);
  }
  await upload.assertUntouched(0, bytes);
});

hostile('HOSTILE', 'requests that come at once on one connection are answered in their order', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  const requests = [
    tusHead('HEAD', upload.url),
    tusHead('PATCH', upload.url, { 'Content-Type': OFFSET_TYPE, 'Upload-Offset': 0, 'Content-Length': 20 }),
    bytes,
    tusHead('HEAD', upload.url),
    tusHead('HEAD', unknown()),
  ];
  const answers = await talk(upload.url, Buffer.concat(requests.map((one) => Buffer.from(one))), ['HEAD', 'PATCH', 'HEAD', 'HEAD']);
  assert.deepEqual(answers.map(({ status, headers }) => [status === 204 ? 200 : status, headers['upload-offset']]), [
    [200, '0'],
    [200, '20'],
    [200, '20'],
    [404, undefined],
  ]);
  await upload.assertStored(bytes);
});

hostile('HOSTILE', 'two who write the same bytes at once do not spoil them', async () => {
  const bytes = bytesOf(LARGE);
  const upload = await Upload.create(LARGE);
  await Promise.allSettled([upload.patch(0, bytes), upload.patch(0, bytes)]);
  await upload.finish(bytes);
  await upload.assertStored(bytes);
});

hostile('HOSTILE', 'methods that are none of the protocol are refused, and change nothing', async () => {
  const bytes = bytesOf(20);
  const upload = await Upload.create(bytes.length);
  for (const method of ['PUT', 'PROPFIND', 'TRACE', 'LOCK', 'BREW']) {
    const text = tusHead(method, upload.url, { 'Content-Length': 0, Connection: 'close' });
    const [answer] = await talk(upload.url, Buffer.from(text), [method]);
    assert.ok(answer && ((answer.status >= 400 && answer.status < 500) || answer.status === 501), `${method} was answered ${answer?.status}`);
  }
  await upload.assertUntouched(0, bytes);
});

hostile('HOSTILE', 'addresses that name no upload are answered, and never reveal an offset', async () => {
  const root = new URL(target.endpoint).pathname;
  for (const path of ['', '%00', '%ff%fe', '%2e%2e%2f%2e%2e%2fetc%2fpasswd', '../../etc/passwd', 'a/b/c', 'x'.repeat(5000), '%', '%zz', '?upload=1', "'; DROP TABLE uploads; --".replaceAll(' ', '+')]) {
    const text = `HEAD ${root}${path} HTTP/1.1\r\nHost: a\r\n${Object.entries({ 'Tus-Resumable': '1.0.0', ...target.credentials }).map(([k, v]) => `${k}: ${v}\r\n`).join('')}Connection: close\r\n\r\n`;
    const [answer] = await talk(target.endpoint, Buffer.from(text, 'latin1'), ['HEAD']);
    assert.ok(answer, `${path} was not answered`);
    refused(answer, path);
    assert.equal(answer.headers['upload-offset'], undefined);
  }
});

hostile('HOSTILE', 'metadata that is garbage is never a fault of the server', async () => {
  for (const value of [
    '\u00ff\u00fe \u00e4',
    ',,,,,',
    ' ',
    '='.repeat(100),
    'filename',
    `filename ${base64(bytesOf(300))}`,
    `filename ${base64('../../../etc/passwd')}`,
    `filename ${base64('/etc/passwd')}`,
    `filename ${base64('a\u0000b')}`,
    `filename ${base64('x'.repeat(3000))}`,
    `filename ${base64(freshName())},${Array.from({ length: 200 }, (_, i) => `k${i} YQ==`).join(',')}`,
    `__proto__ YQ==,constructor YQ==,filename ${base64(freshName())}`,
  ]) {
    const answer = await tus('POST', target.endpoint, { 'Upload-Length': 3, 'Upload-Metadata': value });
    assert.ok(answer.status < 500, `${value.slice(0, 60)} was answered ${answer.status}`);
    if (answer.status !== 201) continue;
    const { pathname } = new URL(answer.headers.location, target.endpoint);
    assert.ok(pathname.startsWith(new URL(target.endpoint).pathname), `Location leads out of the endpoint: ${pathname}`);
  }
});

hostile('HOSTILE', 'headers beyond all measure are refused or the connection is closed, and the server goes on', async () => {
  const upload = await Upload.create(3);
  const text = tusHead('HEAD', upload.url, { 'X-Long': 'a'.repeat(1_000_000) });
  const [answer] = await talk(upload.url, Buffer.from(text), ['HEAD']);
  if (answer) refused(answer);
  const many = tusHead('HEAD', upload.url, { 'X-Many': Array.from({ length: 100_000 }, (_, i) => String(i)) });
  const [other] = await talk(upload.url, Buffer.from(many), ['HEAD']);
  if (other) refused(other);
  await upload.assertUntouched(0, bytesOf(3));
});

hostile('HOSTILE', 'what is not HTTP is refused or the connection is closed, and the server goes on', async () => {
  for (const bytes of [bytesOf(2000), Buffer.from('GET\r\n\r\n'), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + '\0'.repeat(600) + '\r\n\r\n', 'latin1')]) {
    const [answer] = await talk(target.endpoint, bytes, ['GET']);
    if (answer) assert.ok(answer.status >= 400, `answered ${answer.status}`);
  }
  assert.equal((await (await Upload.create(3)).head()).headers['upload-offset'], '0');
});
