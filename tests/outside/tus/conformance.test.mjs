// Every claim against one server. Where it deviates must be listed, and listed is not waved through: the deviation must be there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { beforeEach } from 'node:test';
import { claims } from './claim.mjs';
import './claims.mjs';
import { aimByEnvironment, newCaller, target } from './upload.mjs';

await aimByEnvironment();
beforeEach(newCaller);

const deviations = JSON.parse(fs.readFileSync(new URL('deviations.json', import.meta.url)))[target.server] ?? {};

for (const { name, needs, body } of claims) {
  const skip = needs && !target.extensions.includes(needs) ? `the server does not advertise ${needs}` : false;
  test(name, { skip }, async (t) => {
    const reason = deviations[name];
    if (!reason) return body(t);
    await assert.rejects(async () => body(t), { code: 'ERR_ASSERTION' }, 'keeps this rule, so deviations.json must not list it');
    t.todo(`deviates: ${reason}`);
  });
}

test('every deviation listed for this server is of a claim that exists', () => {
  const names = claims.map(({ name }) => name);
  assert.deepEqual(Object.keys(deviations).filter((name) => !names.includes(name)), []);
});
