// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock, FakeStorage } from './fakes.js';
import { ResumeStore } from './library.js';

const mark = { name: 'cat.png', size: 10, lastModified: 1 };
const saved = { owner: 'alice', way: 'token', path: 'cat.png', file: mark, sentBytes: 4, state: { id: 'x' } };

test('an upload is found by owner, way, path and file, and by nothing less', () => {
  const store = new ResumeStore(new FakeStorage());
  store.save(saved);

  assert.deepEqual(store.find<{ id: string }>('alice', 'token', 'cat.png', mark)?.state, { id: 'x' });
  assert.equal(store.find('bob', 'token', 'cat.png', mark), undefined);
  assert.equal(store.find('alice', 'gateway', 'cat.png', mark), undefined);
  assert.equal(store.find('alice', 'token', 'dog.png', mark), undefined);
  assert.equal(store.find('alice', 'token', 'cat.png', { ...mark, size: 11 }), undefined);
  assert.deepEqual(store.unfinished('bob'), []);
});

test('what is a week old is forgotten', () => {
  const clock = new FakeClock();
  const storage = new FakeStorage();
  const store = new ResumeStore(storage, clock.now);
  store.save(saved);
  clock.advance(7 * 24 * 3600 + 1);

  assert.deepEqual(store.unfinished('alice'), []);
  assert.equal(storage.length, 0);
});

test("others' entries are left alone, broken ones of ours are dropped", () => {
  const storage = new FakeStorage();
  storage.setItem('theirs', '{');
  storage.setItem('sluice-upload:["alice"]', 'not JSON');
  storage.setItem('sluice-upload:["bob"]', '{"owner":"alice","file":{}}');
  const store = new ResumeStore(storage);
  store.save(saved);

  assert.equal(store.unfinished('alice').length, 1);
  assert.deepEqual(Array.from({ length: storage.length }, (_, i) => storage.key(i)?.slice(0, 14)), ['theirs', 'sluice-upload:']);
});

test('a browser that stores nothing does not stop an upload', () => {
  const full = Object.assign(new FakeStorage(), {
    setItem() {
      throw new DOMException('full', 'QuotaExceededError');
    },
  });

  new ResumeStore(full).save(saved);
  assert.equal(full.length, 0);
});
