// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { beforeEach } from 'node:test';
import { FakeOss, FakeStorage, fakeSleep, fileOf, tokenAt, until } from './fakes.js';
import { type OssConstructor, ResumeStore, TokenProvider, uploadByToken } from './library.js';

const Oss = FakeOss as unknown as OssConstructor;
const file = fileOf(1000);

beforeEach(() => FakeOss.reset());

function setting() {
  let issued = 0;
  const tokens = new TokenProvider({ issueToken: async () => tokenAt(Date.now(), `${++issued}`) });
  const resume = { store: new ResumeStore(new FakeStorage()), owner: 'alice' };
  const options = { path: 'cat.png', partBytes: 100, resume, sleep: fakeSleep().sleep };
  return { tokens, resume, options, issued: () => issued };
}

test('parts that are stored are not sent again after the network was cut', async () => {
  const { tokens, resume, options } = setting();
  const progress: number[] = [];
  FakeOss.stopAfter = [3, 4];

  const stored = await uploadByToken(Oss, tokens, file, { ...options, onProgress: (sent) => progress.push(sent) }).done;

  assert.deepEqual(stored, { path: 'cat.png', bytes: 1000, etag: 'whole' });
  assert.equal(FakeOss.uploads.size, 1);
  assert.deepEqual(progress, [...progress].sort((a, b) => a - b));
  assert.equal(progress.at(-1), 1000);
  assert.deepEqual(resume.store.unfinished('alice'), []);
});

test('after a reload the same file goes on in the same upload', async () => {
  const { tokens, resume, options } = setting();
  FakeOss.stopAfter = [4];
  FakeOss.stopWith = () => ({ status: 403, code: 'AccessDenied', message: 'no' });
  await assert.rejects(uploadByToken(Oss, tokens, file, options).done, { reason: 'AccessDenied' });
  const [saved] = resume.store.unfinished('alice');
  assert.equal(saved?.sentBytes, 400);

  const progress: number[] = [];
  await uploadByToken(Oss, tokens, fileOf(1000), { ...options, onProgress: (sent) => progress.push(sent) }).done;

  assert.equal(progress[0], 400);
  assert.equal(FakeOss.uploads.size, 1);
});

test('another file of that name begins anew', async () => {
  const { tokens, options } = setting();
  FakeOss.stopAfter = [4];
  FakeOss.stopWith = () => ({ status: 403, code: 'AccessDenied', message: 'no' });
  await assert.rejects(uploadByToken(Oss, tokens, file, options).done);

  await uploadByToken(Oss, tokens, fileOf(1000, { lastModified: 2 }), options).done;

  assert.equal(FakeOss.uploads.size, 2);
});

test('an upload that OSS no longer knows begins anew by itself', async () => {
  const { tokens, options } = setting();
  FakeOss.stopAfter = [4];
  FakeOss.stopWith = () => {
    FakeOss.uploads.clear();
    return { status: -1, message: 'cut' };
  };

  await uploadByToken(Oss, tokens, file, options).done;

  assert.equal([...FakeOss.uploads.values()][0]?.size, 10);
});

test('a token that has ended is replaced and the upload goes on', async () => {
  const { tokens, options, issued } = setting();
  FakeOss.stopAfter = [5];
  FakeOss.stopWith = () => ({ status: 403, code: 'SecurityTokenExpired', message: 'ended' });

  await uploadByToken(Oss, tokens, file, options).done;

  assert.equal(issued(), 2);
  assert.equal(FakeOss.made.at(-1)?.options['accessKeyId'], 'STS.2');
  assert.equal(FakeOss.uploads.size, 1);
});

test('a pause keeps the parts, cancel frees them', async () => {
  const { tokens, resume, options } = setting();
  let sent = 0;
  const upload = uploadByToken(Oss, tokens, file, {
    ...options,
    onProgress: (now) => {
      sent = now;
    },
  });
  await until(() => sent >= 300);

  upload.pause();
  const kept = resume.store.unfinished('alice')[0]?.sentBytes ?? 0;
  assert.ok(kept >= 300 && kept < 1000);
  await upload.cancel();

  await assert.rejects(upload.done, { reason: 'CALL_CANCELLED' });
  assert.equal(FakeOss.aborted.length, 1);
  assert.deepEqual(resume.store.unfinished('alice'), []);
  assert.deepEqual(FakeOss.completed, []);
});

test('a server without a name is asked with the bucket in the path, and the SDK asks for a token at each request', async () => {
  const { tokens, options } = setting();
  await uploadByToken(Oss, tokens, file, options).done;
  const given = FakeOss.made[0]?.options ?? {};

  assert.equal(given['sldEnable'], true);
  assert.equal(given['secure'], false);
  assert.equal(given['refreshSTSTokenInterval'], 0);
  assert.deepEqual(await (given['refreshSTSToken'] as () => Promise<object>)(), {
    accessKeyId: 'STS.1',
    accessKeySecret: 'secret',
    stsToken: 'token-1',
  });
});
