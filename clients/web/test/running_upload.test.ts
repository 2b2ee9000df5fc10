// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { fakeSleep, gate, until } from './fakes.js';
import { RunningUpload, type Sleep, SluiceError, type StoredObject, type UploadState } from './library.js';

const stored: StoredObject = { path: 'a.png', bytes: 10, etag: 'e' };
const cut = new SluiceError({ code: 'UNAVAILABLE', reason: 'NETWORK_UNREACHABLE', message: 'cut' });
const refused = new SluiceError({ code: 'PERMISSION_DENIED', reason: 'AccessDenied', message: 'no' });

type Attempt = (signal: AbortSignal, progress: (sent: number) => void) => Promise<StoredObject>;

function start(attempts: Attempt[], tries?: number, { sleep, waited } = fakeSleep()) {
  const states: UploadState[] = [];
  let discarded = 0;
  let made = 0;
  const upload = new RunningUpload(
    {
      resumable: true,
      attempt: (signal, progress) => {
        const attempt = attempts[Math.min(made++, attempts.length - 1)];
        return attempt ? attempt(signal, progress) : Promise.resolve(stored);
      },
      async discard() {
        ++discarded;
      },
    },
    10,
    { path: 'a.png', onState: (state) => states.push(state), sleep, ...(tries && { tries }) },
  );
  return { upload, states, waited, made: () => made, discarded: () => discarded };
}

// Never ends by itself.
const endless: Attempt = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

test('a network that comes back is waited for, longer each time', async () => {
  const { upload, states, waited } = start([() => Promise.reject(cut), () => Promise.reject(cut), async () => stored]);

  assert.deepEqual(await upload.done, stored);
  assert.deepEqual(states, ['running', 'waiting', 'running', 'waiting', 'running', 'done']);
  assert.equal(waited.length, 2);
  assert.ok((waited[0] ?? 0) >= 250 && (waited[1] ?? 0) >= 500, `${waited}`);
});

test('failures without progress end it, progress between them does not', async () => {
  const hopeless = start([() => Promise.reject(cut)], 3);
  await assert.rejects(hopeless.upload.done, { reason: 'NETWORK_UNREACHABLE' });
  assert.equal(hopeless.made(), 3);

  const step = (sent: number): Attempt => async (_signal, progress) => {
    progress(sent);
    throw cut;
  };
  const slow = start([step(1), step(2), step(3), step(4), async () => stored], 2);
  assert.deepEqual(await slow.upload.done, stored);
});

test('a way that gets no further than before is given up, though it sends', async () => {
  const same: Attempt = async (_signal, progress) => {
    progress(5);
    throw cut;
  };
  const { upload, made } = start([same], 4);

  await assert.rejects(upload.done, { reason: 'NETWORK_UNREACHABLE' });
  assert.equal(made(), 4);
});

test('what cannot succeed fails at once', async () => {
  const { upload, made, states } = start([() => Promise.reject(refused)]);

  await assert.rejects(upload.done, { reason: 'AccessDenied' });
  assert.equal(made(), 1);
  assert.deepEqual(states, ['running', 'failed']);
});

test('a pause ends the attempt, a resume begins another', async () => {
  const { upload, states, made } = start([endless, async () => stored]);

  upload.pause();
  await until(() => true);
  assert.equal(made(), 1);
  upload.resume();

  assert.deepEqual(await upload.done, stored);
  assert.deepEqual(states, ['running', 'paused', 'running', 'done']);
});

test('a pause while it waits for the network holds', async () => {
  const longSleep = gate();
  const sleep: Sleep = (_ms, signal) => new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason));
    longSleep.promise.then(resolve);
  });
  const { upload, states, made } = start([() => Promise.reject(cut), async () => stored], undefined, { sleep, waited: [] });
  await until(() => states.includes('waiting'));

  upload.pause();
  longSleep.open();
  for (let turn = 0; turn < 10; ++turn) await until(() => true);

  assert.equal(made(), 1);
  assert.equal(upload.state, 'paused');
});

test('a pause that comes after the object was stored is too late', async () => {
  const answer = gate<StoredObject>();
  const { upload } = start([() => answer.promise]);

  upload.pause();
  answer.open(stored);

  assert.deepEqual(await upload.done, stored);
  assert.equal(upload.state, 'done');
});

test('cancel ends it for good and frees what the server holds, once', async () => {
  const { upload, states, discarded } = start([endless]);

  await Promise.all([upload.cancel(), upload.cancel()]);
  upload.resume();
  upload.pause();

  await assert.rejects(upload.done, { reason: 'CALL_CANCELLED' });
  assert.equal(discarded(), 1);
  assert.deepEqual(states, ['running', 'cancelled']);
});

test('a fault of the code is an error with a reason, not silence', async () => {
  const { upload } = start([() => Promise.reject(new TypeError('x is not a function'))]);

  await assert.rejects(upload.done, { name: 'SluiceError', reason: 'CLIENT_FAULT', message: 'x is not a function' });
});
