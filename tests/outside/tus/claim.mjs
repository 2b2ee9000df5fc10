// A rule of the protocol as a test: `section` and `level` say where the text states it and how strongly.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { extensions, serverName } from './upload.mjs';

const deviations = JSON.parse(fs.readFileSync(new URL('deviations.json', import.meta.url)))[serverName] ?? {};
const met = new Set();

export const section = (title, needs = undefined) => (level, rule, body) => {
  const name = `${title}, ${level}: ${rule}`;
  const skip = needs && !extensions.includes(needs) ? `${serverName || 'the server'} does not advertise ${needs}` : false;
  met.add(name);
  test(name, { skip }, async (t) => {
    const reason = deviations[name];
    if (!reason) return body(t);
    // Listed is not waved through: the deviation must be there, or the list is out of date.
    await assert.rejects(async () => body(t), { code: 'ERR_ASSERTION' }, 'keeps this rule, so deviations.json must not list it');
    t.todo(`deviates: ${reason}`);
  });
};

// To be called after the last claim.
export const everyDeviationIsAClaim = () =>
  test('every deviation listed for this server is of a claim that exists', () => {
    assert.deepEqual(Object.keys(deviations).filter((name) => !met.has(name)), []);
  });
