// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { fakeSleep, fileOf, tokenAt } from './fakes.js';
import { type OutgoingRequest, SluiceError, type Transport, uploadByForm, uploadByUrl } from './library.js';

const { scope } = tokenAt(0, '');
const rest = { expireTime: '', scope, grantId: 'g' };
const ok = (status = 204) => ({ status, header: (name: string) => (name === 'etag' ? '"E"' : null), body: '' });

function transportOf(...answers: (Error | ReturnType<typeof ok>)[]) {
  const sent: OutgoingRequest[] = [];
  const transport: Transport = async (request, _signal, progress) => {
    sent.push(request);
    progress(1_000_000);
    const answer = answers[Math.min(sent.length, answers.length) - 1];
    if (!answer || answer instanceof Error) throw answer;
    return answer;
  };
  return { sent, transport };
}

test('a form has every field of the broker, then the file, and says its size and type', async () => {
  const { sent, transport } = transportOf(ok());
  const asked: object[] = [];
  const progress: number[] = [];
  const broker = {
    async signForm(request: object) {
      asked.push(request);
      return { url: 'http://oss/b/', fields: { key: 'k', policy: 'p' }, ...rest };
    },
  };

  const upload = uploadByForm(broker, fileOf(10), { path: 'a.png', grant: 'photos', transport, onProgress: (n) => progress.push(n) });

  assert.deepEqual(await upload.done, { path: 'a.png', bytes: 10, etag: 'E' });
  assert.deepEqual(asked, [{ path: 'a.png', grant: 'photos', contentType: 'image/png', maxLength: 10, successStatus: 204 }]);
  assert.deepEqual([...(sent[0]?.body as FormData).keys()], ['key', 'policy', 'file']);
  // The form around the file is not the file's.
  assert.deepEqual(progress, [0, 10, 10]);
});

test('each try of a URL is signed anew, with the exact length', async () => {
  const cut = new SluiceError({ code: 'UNAVAILABLE', reason: 'NETWORK_UNREACHABLE', message: 'cut' });
  const { sent, transport } = transportOf(cut, ok(200));
  const asked: object[] = [];
  const broker = {
    async signUrl(request: object) {
      asked.push(request);
      return { urls: [{ httpMethod: 'PUT', url: `http://oss/${asked.length}`, headers: { 'Content-Type': 'image/png' } }], ...rest };
    },
  };

  await uploadByUrl(broker, fileOf(10), { path: 'a.png', transport, sleep: fakeSleep().sleep }).done;

  assert.deepEqual(sent.map(({ url }) => url), ['http://oss/1', 'http://oss/2']);
  assert.deepEqual(asked[0], { path: 'a.png', method: 'URL_METHOD_PUT', contentType: 'image/png', contentLength: 10 });
});

test("OSS's refusal keeps its code, and 203 is no success", async () => {
  const broker = { signUrl: async () => ({ urls: [{ httpMethod: 'PUT', url: 'http://oss/', headers: {} }], ...rest }) };
  const denied = { ...ok(403), body: '<Error><Code>AccessDenied</Code><Message>no</Message><RequestId>R</RequestId></Error>' };

  await assert.rejects(uploadByUrl(broker, fileOf(1), { path: 'a', transport: transportOf(denied).transport }).done, {
    code: 'PERMISSION_DENIED',
    reason: 'AccessDenied',
    message: 'no',
    requestId: 'R',
  });
  await assert.rejects(uploadByUrl(broker, fileOf(1), { path: 'a', transport: transportOf(ok(203)).transport }).done, { reason: 'HTTP_203' });
});
