// SPDX-License-Identifier: Apache-2.0
// The library against a real broker, gateway and sandbox; a browser's own parts are stood in for. Needs tests/outside/with_services.sh.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import SdkOfNode from 'ali-oss';
import {
  BrokerClient,
  connectOss,
  fromOss,
  imageProcess,
  type OssConstructor,
  OwnFiles,
  resize,
  TokenProvider,
  type Transport,
  uploadByForm,
  uploadByGateway,
  uploadByToken,
  uploadByUrl,
} from '../library.js';
import { fileOf } from '../fakes.js';

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run this by tests/outside/with_services.sh`);
  return value;
}

const jwtOf = (subject: string, audience: string) => async (): Promise<string> => {
  const answer = await fetch(`${setting('SLUICE_IDENTITY')}/token?subject=${subject}&role=editor&audience=${audience}`);
  return (await answer.text()).trim();
};

// The SDK for Node.js takes bytes where the one for browsers takes a Blob.
class Sdk extends SdkOfNode {
  async multipartUpload(name: string, file: Blob, options: { checkpoint?: { file?: Buffer } }) {
    const bytes = Buffer.from(await file.arrayBuffer());
    if (options.checkpoint) options.checkpoint.file = bytes;
    return super.multipartUpload(name, bytes, options);
  }
}
const Oss = Sdk as unknown as OssConstructor;

const transport: Transport = async ({ method, url, headers, body }, signal) => {
  const answer = await fetch(url, { method, headers: headers ?? {}, body, signal });
  return { status: answer.status, header: (name) => answer.headers.get(name), body: await answer.text() };
};

function userOf(subject: string) {
  const broker = new BrokerClient({ url: setting('SLUICE_HTTP'), jwt: jwtOf(subject, 'sluice') });
  const tokens = new TokenProvider(broker, { grant: 'editors' });
  return { broker, tokens, files: new OwnFiles({ broker, tokens, Oss, grant: 'editors' }) };
}

const bytes = crypto.randomFillSync(new Uint8Array(5_000_000));
const grant = 'editors';

async function read(files: OwnFiles, path: string, process?: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(await files.url(path, process))).arrayBuffer());
}

test('a form and a URL store the bytes', async () => {
  const { broker, files } = userOf('ann');

  const byForm = await uploadByForm(broker, fileOf(bytes), { path: 'form.bin', grant, transport }).done;
  const byUrl = await uploadByUrl(broker, fileOf(bytes), { path: 'url.bin', grant, transport }).done;

  assert.equal(byForm.etag, byUrl.etag);
  assert.ok((await read(files, 'form.bin')).equals(bytes));
  assert.ok((await read(files, 'url.bin')).equals(bytes));
});

test('a token upload goes on after a connection was reset, and sends no part twice', async () => {
  const { tokens, files } = userOf('ann');
  const fault = `${setting('SLUICE_SANDBOX_ADMIN')}/faults?service=oss&kind=reset&operation=part&key=parts.bin&count=1`;
  assert.ok((await fetch(fault, { method: 'POST' })).ok);
  const states: string[] = [];

  await uploadByToken(Oss, tokens, fileOf(bytes), { path: 'parts.bin', parallel: 1, onState: (state) => states.push(state) }).done;

  assert.ok((await read(files, 'parts.bin')).equals(bytes));
  assert.deepEqual(states, ['running', 'waiting', 'running', 'done']);
  const stats = await (await fetch(`${setting('SLUICE_SANDBOX_ADMIN')}/stats?key=uploads/ann/parts.bin`)).json();
  assert.equal(stats.oss.initiate.calls, 1);
  assert.equal(stats.oss.part.calls - stats.oss.part.broken, Math.ceil(bytes.length / 1024 / 1024));
});

test('the gateway stores the bytes', async () => {
  const { files } = userOf('ann');
  const gateway = { url: setting('SLUICE_GATEWAY_HTTP'), jwt: jwtOf('ann', 'sluice-gateway') };
  // The client reads a Buffer where there is no browser.
  const file = Object.assign(Buffer.from(bytes), { size: bytes.length, type: 'image/png' }) as unknown as Blob;

  await uploadByGateway(gateway, file, { path: 'album/gateway.bin', grant, chunkBytes: 2_000_000 }).done;

  assert.ok((await read(files, 'album/gateway.bin')).equals(bytes));
});

test('a picture is shown smaller, and only by the steps that the grant allows', async () => {
  const { broker, files } = userOf('carl');
  const picture = new Uint8Array(fs.readFileSync('../../deploy/demo/picture.png'));
  await uploadByForm(broker, fileOf(picture), { path: 'p.png', grant, transport }).done;

  const small = await read(files, 'p.png', imageProcess(resize({ width: 20, height: 20, mode: 'fill' })));

  // Width and height of a PNG.
  assert.deepEqual([small.readUInt32BE(16), small.readUInt32BE(20)], [20, 20]);
  await assert.rejects(files.url('p.png', `${imageProcess(resize({ width: 10 }))}/nonsense`), { reason: 'PROCESS_INVALID' });
});

test("one's own files are listed over pages and deleted", async () => {
  const { broker, files } = userOf('carl');
  for (let i = 0; i < 103; ++i) await uploadByUrl(broker, fileOf(1), { path: `many/${i}`, grant, transport }).done;

  const listed: string[] = [];
  for await (const { path, bytes: size } of files.list('many/')) {
    assert.equal(size, 1);
    listed.push(path);
  }

  assert.equal(new Set(listed).size, 103);
  await files.remove('many/7');
  const left: string[] = [];
  for await (const { path } of files.list()) left.push(path);
  assert.deepEqual(listed.filter((path) => !left.includes(path)), ['many/7']);
});

test("another user's prefix is refused by both, with their reasons", async () => {
  const { broker, tokens } = userOf('carl');
  const client = await connectOss(Oss, tokens);

  await assert.rejects(broker.issueToken({ grant, path: '../ann/' }), { name: 'SluiceError', reason: 'PATH_INVALID', retryable: false });
  await assert.rejects(client.listV2({ prefix: 'uploads/ann/' }), (error) => fromOss(error).reason === 'AccessDenied');
  await assert.rejects(uploadByToken(Oss, tokens, fileOf(1), { path: '../ann/x' }).done, { name: 'SluiceError', retryable: false });
  await assert.rejects(new BrokerClient({ url: setting('SLUICE_HTTP'), jwt: () => 'nonsense' }).listGrants(), { reason: 'TOKEN_MALFORMED' });
});

test('many callers at once share one token of the real broker', async () => {
  const { tokens } = userOf('dora');

  const given = await Promise.all(Array.from({ length: 50 }, () => tokens.token()));

  assert.equal(new Set(given).size, 1);
  assert.equal(given[0]?.scope.prefix, 'uploads/dora/');
});
