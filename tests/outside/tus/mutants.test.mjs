// Can the claims fail? Each server here breaks one rule, and the claim of that rule must say so, while it passes without the fault. The
// faults are planted between the claims and @tus/server; there the checksum extension, which that server lacks, is added as well.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import test, { after, before } from 'node:test';
import { claims } from './claim.mjs';
import './claims.mjs';
import { startReferenceServer } from './reference_server.mjs';
import { aim } from './upload.mjs';

const drop = (name) => (answer) => delete answer.headers[name];
const set = (name, value) => (answer) => (answer.headers[name] = typeof value === 'function' ? value(answer.headers[name]) : value);
const status = (from, to) => (answer) => {
  if (answer.status === from) answer.status = to;
};

// `request` changes what reaches the server, `answer` what comes back; `on` names the methods. `check` stands for the checksum.
const MUTANTS = [
  ['core, OPTIONS, MUST: success is 200 or 204', { on: 'OPTIONS', answer: drop('tus-version') }],
  ['core, OPTIONS, MUST: Tus-Extension is a list', { on: 'OPTIONS', answer: set('tus-extension', (value) => `${value},`) }],
  ['core, OPTIONS, MUST: Tus-Max-Size', { on: 'OPTIONS', answer: set('tus-max-size', '64MiB') }],
  ['core, Tus-Resumable, MUST: every answer', { on: 'HEAD', answer: drop('tus-resumable') }],
  ['core, Tus-Resumable, MUST NOT: a request with another version', { on: 'POST', request: set('tus-resumable', '1.0.0') }],
  ['core, X-HTTP-Method-Override, MUST: POST that overrides', { on: 'POST', request: drop('x-http-method-override') }],
  ['core, HEAD, MUST: Upload-Offset is there at 0', { on: 'HEAD', answer: (answer) => answer.headers['upload-offset'] === '0' && drop('upload-offset')(answer) }],
  ['core, HEAD, MUST: Upload-Offset is there at 0', { on: 'HEAD', answer: drop('upload-length') }],
  ['core, HEAD, MUST: Cache-Control', { on: 'HEAD', answer: set('cache-control', 'no-cache') }],
  ['core, HEAD, SHOULD: an unknown upload', { on: 'HEAD', answer: (answer) => answer.status === 404 && set('upload-offset', '0')(answer) }],
  ['core, PATCH, MUST: success is 204', { on: 'PATCH', answer: status(204, 200) }],
  ['core, PATCH, MUST: success is 204', { on: 'PATCH', answer: drop('upload-offset') }],
  ['core, PATCH, MUST: the new offset', { on: 'PATCH', answer: set('upload-offset', (value) => (value === undefined ? value : String(Number(value) + 1))) }],
  ['core, PATCH, MUST: an offset that is not the current one', { on: 'PATCH', answer: status(409, 400) }],
  ['core, PATCH, SHOULD: of a body that broke off', { on: 'HEAD', answer: set('upload-offset', (value) => (value === undefined ? value : String(Number(value) + 100_000))) }],
  ['creation, MUST: 201 with a Location', { on: 'POST', answer: status(201, 200) }],
  ['creation, MUST: 201 with a Location', { on: 'POST', answer: drop('location') }],
  ['creation, MUST: Upload-Length is a non-negative integer', { on: 'POST', request: set('upload-length', (value) => (value === '1e3' ? '1000' : value)) }],
  ['creation, MUST: a length beyond Tus-Max-Size', { on: 'POST', answer: status(413, 400) }],
  ['creation, MUST: HEAD answers Upload-Metadata', { on: 'HEAD', answer: set('upload-metadata', (value) => value?.split(',').reverse().join(',')) }],
  ['creation, MUST: Upload-Metadata of another grammar', { on: 'POST', request: set('upload-metadata', (value) => value?.replace(',note Yg==', '')) }],
  ['creation, SHOULD: Upload-Defer-Length other than 1', { on: 'POST', request: set('upload-defer-length', (value) => (value === undefined ? value : '1')) }],
  ['creation, deferred length, MUST: HEAD says', { on: 'HEAD', answer: drop('upload-defer-length') }],
  ['creation with upload, MUST: the answer says', { on: 'POST', answer: drop('upload-offset') }],
  ['expiration, MUST: Upload-Expires is in the answer to the creation', { on: 'POST', answer: set('upload-expires', (value) => value && new Date(value).toISOString()) }],
  ['expiration, MUST: Upload-Expires is in the answer to each PATCH', { on: 'PATCH', answer: drop('upload-expires') }],
  ['checksum, MUST: OPTIONS lists the algorithms', { on: 'OPTIONS', answer: set('tus-checksum-algorithm', 'md5,SHA1') }],
  ['checksum, MUST: a body that matches', { check: () => 460 }],
  ['checksum, MUST: a body that does not match', { check: (verdict) => verdict && (verdict === 460 ? 400 : verdict) }],
  ['checksum, MUST: a body that does not match', { check: (verdict) => (verdict === 460 ? undefined : verdict) }],
  ['checksum, MUST: half way', { check: (verdict) => (verdict === 460 ? undefined : verdict) }],
  ['checksum, MUST: an algorithm that is not supported', { check: (verdict) => (verdict === 400 ? undefined : verdict) }],
  ['checksum, MUST: Upload-Checksum of another grammar', { check: (verdict) => (verdict === 400 ? undefined : verdict) }],
  ['termination, MUST: DELETE of an unfinished upload', { on: 'DELETE', answer: status(204, 200) }],
  ['termination, MUST: DELETE of an unfinished upload', { on: 'HEAD', answer: status(404, 200) }],
  ['hostile, HOSTILE: Upload-Offset that is no non-negative', { on: 'PATCH', request: set('upload-offset', (value) => (value === '+0' ? '0' : value)) }],
  ['hostile, HOSTILE: a body beyond Upload-Length', { on: 'PATCH', answer: status(413, 500) }],
  ['hostile, HOSTILE: a complete upload takes no more', { on: 'PATCH', answer: status(413, 204) }],
];

function verdictOf(header, body) {
  const [algorithm, value, ...more] = header.split(' ');
  if (!['sha1', 'md5'].includes(algorithm) || !/^[\w+/]+={0,2}$/.test(value ?? '') || more.length > 0) return 400;
  return crypto.createHash(algorithm).update(body).digest('base64') === value ? undefined : 460;
}

// A server in front of `target` with one fault.
function startFaultyServer(target, fault) {
  const { on, request = () => {}, answer = () => {}, check = (verdict) => verdict } = fault;
  const server = http.createServer((incoming, outgoing) => {
    const strikes = !on || incoming.method === on;
    const sent = { headers: { ...incoming.headers } };
    if (strikes) request(sent);
    const reply = (code, headers, body) => {
      const changed = { status: code, headers: { ...headers } };
      if (incoming.method === 'OPTIONS') {
        changed.headers['tus-extension'] += ',checksum';
        changed.headers['tus-checksum-algorithm'] = 'sha1,md5';
      }
      if (strikes) answer(changed);
      outgoing.writeHead(changed.status, Object.fromEntries(Object.entries(changed.headers).filter(([, value]) => value !== undefined)));
      body ? body.pipe(outgoing) : outgoing.end();
    };
    const options = { method: incoming.method, headers: Object.fromEntries(Object.entries(sent.headers).filter(([, value]) => value !== undefined)) };
    const pass = (body) => {
      const onward = http.request(new URL(incoming.url, target), options, (found) => reply(found.statusCode, found.headers, found));
      onward.on('error', () => outgoing.destroy());
      incoming.on('error', () => onward.destroy());
      incoming.on('aborted', () => onward.destroy());
      body ? onward.end(body) : incoming.pipe(onward);
    };
    if (incoming.headers['upload-checksum'] === undefined) return pass();
    const pieces = [];
    incoming.on('data', (piece) => pieces.push(piece));
    incoming.on('end', () => {
      const body = Buffer.concat(pieces);
      const verdict = check(verdictOf(incoming.headers['upload-checksum'], body));
      verdict ? reply(verdict, { 'tus-resumable': '1.0.0' }) : pass(body);
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

let reference;
before(async () => (reference = await startReferenceServer()));
after(() => reference.stop());

// What the claims whose names begin so make of a server with that fault: an error, or nothing, for each.
async function judge(fault, prefix, t) {
  const server = await startFaultyServer(reference.endpoint, fault);
  try {
    await aim({ endpoint: `http://127.0.0.1:${server.address().port}/files/` });
    const verdicts = [];
    for (const { body } of claims.filter(({ name }) => name.startsWith(prefix))) verdicts.push(await Promise.resolve(body(t)).then(() => undefined, (error) => error));
    return verdicts;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('without a fault all these claims pass, those of checksum too', async (t) => {
  for (const prefix of new Set(MUTANTS.map(([name]) => name))) {
    const verdicts = await judge({}, prefix, t);
    assert.ok(verdicts.length > 0, `"${prefix}" is no claim`);
    assert.deepEqual(verdicts.filter(Boolean), [], prefix);
  }
});

for (const [i, [prefix, fault]] of MUTANTS.entries()) {
  test(`fault ${i + 1} is seen by "${prefix}"`, async (t) => {
    assert.ok((await judge(fault, prefix, t)).some(Boolean), 'the claim passed all the same');
  });
}
