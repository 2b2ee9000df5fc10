// The unmodified tus-js-client, as an app would use it: what it says is uploaded is stored, byte for byte, whatever happened on the way.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import test, { after, beforeEach } from 'node:test';
import { startCuttingProxy } from './cutting_proxy.mjs';
import { load } from './packages.mjs';
import { Upload, aimByEnvironment, freshName, gone, newCaller, target, tus as wire } from './upload.mjs';

const tus = load('tus-js-client');
await aimByEnvironment();
beforeEach(newCaller);

const MIB = 1024 * 1024;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-tus-client-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

// A client with the events it has seen. `done` settles when the client says that it is over.
function clientOf(source, options = {}) {
  const name = options.metadata?.filename ?? freshName();
  const seen = { requests: [], sent: 0, chunks: [] };
  let client;
  const done = new Promise((resolve, reject) => {
    client = new tus.Upload(source, {
      endpoint: target.endpoint,
      headers: target.credentials,
      retryDelays: null,
      metadata: { filename: name },
      onSuccess: resolve,
      onError: reject,
      ...options,
      onBeforeRequest(request) {
        seen.requests.push(request.getMethod());
        return options.onBeforeRequest?.(request);
      },
      onChunkComplete(size, accepted, total) {
        seen.chunks.push(accepted);
        options.onChunkComplete?.(client, accepted, total);
      },
    });
  });
  done.catch(() => {});
  return { client, seen, done, stored: () => new Upload(client.url, name).stored() };
}

async function upload(source, options) {
  const one = clientOf(source, options);
  one.client.start();
  await one.done;
  return one;
}

const same = (found, bytes) => {
  assert.equal(found.length, bytes.length);
  assert.ok(found.equals(bytes), 'what is stored differs from what was sent');
};

for (const [size, chunkSize] of [[0, Infinity], [1, Infinity], [5 * MIB, Infinity], [5 * MIB, MIB], [20 * MIB, 3 * MIB + 1]]) {
  test(`stock client: ${size} bytes in chunks of ${chunkSize}`, async () => {
    const bytes = crypto.randomBytes(size);
    const { seen, stored } = await upload(bytes, { chunkSize });
    same(await stored(), bytes);
    const patches = seen.requests.filter((method) => method === 'PATCH').length;
    assert.ok(patches >= Math.ceil(size / chunkSize), `${patches} PATCHes`);
  });
}

test('stock client: the first bytes may go with the creation', async (t) => {
  if (!target.extensions.includes('creation-with-upload')) return t.skip('not advertised');
  for (const size of [1000, 5 * MIB]) {
    const bytes = crypto.randomBytes(size);
    const { seen, stored } = await upload(bytes, { uploadDataDuringCreation: true, chunkSize: 2 * MIB });
    same(await stored(), bytes);
    if (size === 1000) assert.deepEqual(seen.requests, ['POST']);
  }
});

test('stock client: a stream whose length nobody knows yet', async (t) => {
  if (!target.extensions.includes('creation-defer-length')) return t.skip('not advertised');
  for (const size of [100, 5 * MIB + 5]) {
    const bytes = crypto.randomBytes(size);
    const { stored } = await upload(Readable.from([bytes.subarray(0, 30), bytes.subarray(30)], { objectMode: false }), {
      uploadLengthDeferred: true,
      chunkSize: MIB,
    });
    same(await stored(), bytes);
  }
});

test('stock client: PATCH by POST, for networks that know no PATCH', async () => {
  const bytes = crypto.randomBytes(2 * MIB);
  const { seen, stored } = await upload(bytes, { overridePatchMethod: true, chunkSize: MIB });
  same(await stored(), bytes);
  assert.ok(!seen.requests.includes('PATCH'));
});

test('stock client: paused, and resumed by the same object', async () => {
  const bytes = crypto.randomBytes(8 * MIB);
  let paused;
  const whenPaused = new Promise((resolve) => (paused = resolve));
  const one = clientOf(bytes, {
    chunkSize: MIB,
    onChunkComplete(client, accepted) {
      if (accepted >= 3 * MIB && paused) {
        client.abort().then(paused);
        paused = undefined;
      }
    },
  });
  one.client.start();
  await whenPaused;
  one.client.start();
  await one.done;
  same(await one.stored(), bytes);
  assert.equal(one.seen.requests.filter((method) => method === 'POST').length, 1);
});

test('stock client: an app that was ended finds its upload again and sends the rest alone', async () => {
  const bytes = crypto.randomBytes(8 * MIB);
  const file = path.join(folder, 'picture.bin');
  fs.writeFileSync(file, bytes);
  const common = {
    chunkSize: MIB,
    urlStorage: new tus.FileUrlStorage(path.join(folder, 'uploads.json')),
    metadata: { filename: freshName() },
  };
  const before = await new Promise((resolve) => {
    const one = clientOf(fs.createReadStream(file), {
      ...common,
      onChunkComplete(client, accepted) {
        if (accepted >= 4 * MIB) client.abort().then(() => resolve(one));
      },
    });
    one.client.start();
  });

  const again = clientOf(fs.createReadStream(file), common);
  const previous = await again.client.findPreviousUploads();
  assert.equal(previous.length, 1);
  again.client.resumeFromPreviousUpload(previous[0]);
  again.client.start();
  await again.done;

  assert.equal(again.client.url, before.client.url);
  same(await again.stored(), bytes);
  assert.equal(again.seen.requests[0], 'HEAD');
  assert.ok(!again.seen.requests.includes('POST'), 'the upload was begun anew');
  assert.ok(again.seen.chunks[0] > 3 * MIB, `the first chunk ended at ${again.seen.chunks[0]}: what was there was sent again`);
});

test('stock client: several files at once', async () => {
  const files = [1, 300_000, 3 * MIB, 5 * MIB, 6 * MIB + 7, 4 * MIB].map((size) => crypto.randomBytes(size));
  const done = await Promise.all(files.map((bytes) => upload(bytes, { chunkSize: 2 * MIB })));
  for (const [i, one] of done.entries()) same(await one.stored(), files[i]);
  assert.equal(new Set(done.map((one) => one.client.url)).size, files.length);
});

for (const chunkSize of [Infinity, MIB]) {
  test(`stock client: a network that breaks three times, in chunks of ${chunkSize}`, async () => {
    const bytes = crypto.randomBytes(9 * MIB);
    const proxy = await startCuttingProxy(target.endpoint, { cuts: 3, after: chunkSize === MIB ? 700_000 : 2 * MIB });
    try {
      const one = await upload(bytes, { endpoint: proxy.url, chunkSize, retryDelays: [10, 20, 40, 80, 160, 320] });
      assert.equal(proxy.state.cuts, 3, 'the uploads went past the proxy');
      same(await one.stored(), bytes);
      assert.ok(one.seen.requests.filter((method) => method === 'HEAD').length >= 3);
      assert.equal(one.seen.requests.filter((method) => method === 'POST').length, 1);
    } finally {
      proxy.stop();
    }
  });
}

test('stock client: an upload that is given up is terminated', async () => {
  const one = clientOf(crypto.randomBytes(6 * MIB), {
    chunkSize: MIB,
    onChunkComplete(client, accepted) {
      if (accepted === 2 * MIB) client.abort(true).then(terminated);
    },
  });
  let terminated;
  const whenTerminated = new Promise((resolve) => (terminated = resolve));
  one.client.start();
  await whenTerminated;
  gone(await wire('HEAD', one.client.url));
});

test('stock client: progress only grows and ends at the size', async () => {
  const bytes = crypto.randomBytes(5 * MIB);
  const sent = [];
  const { seen } = await upload(bytes, { chunkSize: MIB, onProgress: (at) => sent.push(at) });
  assert.deepEqual(seen.chunks, [...seen.chunks].sort((a, b) => a - b));
  assert.equal(seen.chunks.at(-1), bytes.length);
  assert.equal(sent.at(-1), bytes.length);
});
