// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock, fakeSleep, gate, tokenAt, until } from './fakes.js';
import { type IssuedToken, SluiceError, TokenProvider } from './library.js';

const away = new SluiceError({ code: 'UNAVAILABLE', reason: 'STS_UNREACHABLE', message: 'later', retryAfterMs: 2000 });
const refused = new SluiceError({ code: 'PERMISSION_DENIED', reason: 'SUBJECT_DENIED', message: 'no' });

function providerOf(answer: (call: number) => IssuedToken | Promise<IssuedToken>) {
  const clock = new FakeClock();
  const { sleep, waited } = fakeSleep();
  const calls: number[] = [];
  const issuer = {
    async issueToken() {
      calls.push(clock.ms);
      return answer(calls.length);
    },
  };
  return { clock, waited, calls, provider: new TokenProvider(issuer, {}, { now: clock.now, sleep }) };
}

test('a hundred callers who wait for one token cause one call', async () => {
  const answer = gate<IssuedToken>();
  const { provider, calls, clock } = providerOf(() => answer.promise);

  const waiting = Array.from({ length: 100 }, () => provider.token());
  await until(() => calls.length > 0);
  answer.open(tokenAt(clock.ms, 'one'));

  assert.equal(new Set(await Promise.all(waiting)).size, 1);
  assert.equal(calls.length, 1);
});

test('a token is used until refreshAfter, then renewed behind the back of who asks', async () => {
  const next = gate<IssuedToken>();
  const { provider, calls, clock } = providerOf((call) => (call === 1 ? tokenAt(clock.ms, 'one') : next.promise));

  await provider.token();
  clock.advance(44 * 60 - 1);
  assert.equal((await provider.token()).credentials.accessKeyId, 'STS.one');
  assert.equal(calls.length, 1);
  clock.advance(2);
  assert.equal((await provider.token()).credentials.accessKeyId, 'STS.one');
  assert.equal((await provider.token()).credentials.accessKeyId, 'STS.one');
  assert.equal(calls.length, 2);
  next.open(tokenAt(clock.ms, 'two'));
  await next.promise;
  await until(() => true);

  assert.equal((await provider.token()).credentials.accessKeyId, 'STS.two');
});

test('a refresh that fails leaves the old token in force, and is tried again after a pause', async () => {
  const { provider, calls, clock } = providerOf((call) => {
    if (call === 1) return tokenAt(clock.ms, 'one');
    throw refused;
  });

  await provider.token();
  clock.advance(45 * 60);
  for (let i = 0; i < 10; ++i) {
    assert.equal((await provider.token()).credentials.accessKeyId, 'STS.one');
    await until(() => true);
  }
  assert.equal(calls.length, 2);
  clock.advance(6);
  await provider.token();
  assert.equal(calls.length, 3);
  clock.advance(16 * 60);
  await assert.rejects(provider.token(), { reason: 'SUBJECT_DENIED' });
});

test('one failure does not poison the provider: the next call asks anew', async () => {
  const { provider, clock } = providerOf((call) => {
    if (call === 1) throw refused;
    return tokenAt(clock.ms, 'two');
  });

  await assert.rejects(provider.token(), { name: 'SluiceError', reason: 'SUBJECT_DENIED', retryable: false });
  assert.equal((await provider.token()).credentials.accessKeyId, 'STS.two');
});

test('trouble that may pass is waited for as the broker asked, a refusal is not', async () => {
  const { provider, calls, waited, clock } = providerOf((call) => {
    if (call < 3) throw away;
    return tokenAt(clock.ms, 'three');
  });

  assert.equal((await provider.token()).credentials.accessKeyId, 'STS.three');
  assert.equal(calls.length, 3);
  assert.ok(waited.every((ms) => ms >= 2000), `${waited}`);
});

test("a device whose clock is an hour behind refreshes by the broker's clock", async () => {
  const { provider, calls, clock } = providerOf((call) => tokenAt(clock.ms + 3600_000, `${call}`));

  await provider.token();
  clock.advance(43 * 60);
  await provider.token();
  assert.equal(calls.length, 1);
  clock.advance(2 * 60);
  await provider.token();
  assert.equal(calls.length, 2);
});

test('a token that OSS refused is forgotten, a newer one is not', async () => {
  const { provider, calls, clock } = providerOf((call) => tokenAt(clock.ms, `${call}`));
  const first = await provider.token();

  provider.invalidate(first);
  const second = await provider.token();
  provider.invalidate(first);

  assert.equal(await provider.token(), second);
  assert.equal(calls.length, 2);
});
