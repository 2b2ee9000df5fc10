// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { BrokerClient } from './library.js';

function brokerOf(answers: (() => Response | Promise<Response>)[], jwts: string[] = ['jwt']) {
  const sent: { url: string; init: RequestInit }[] = [];
  const rejected: (string | undefined)[] = [];
  const broker = new BrokerClient({
    url: 'https://broker.example.com/',
    jwt: (refused) => {
      rejected.push(refused);
      return jwts[Math.min(rejected.filter(Boolean).length, jwts.length - 1)] ?? '';
    },
    fetch: async (url, init) => {
      sent.push({ url: String(url), init: init ?? {} });
      const answer = answers.shift();
      if (!answer) throw new TypeError('fetch failed');
      return answer();
    },
  });
  return { broker, sent, rejected };
}

const json = (status: number, body: object, headers: Record<string, string> = {}) => () => new Response(JSON.stringify(body), { status, headers });
const expired = json(401, { code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED', message: 'the token has ended' });

test('a call is a POST of JSON with the JWT and nothing of the browser', async () => {
  const { broker, sent } = brokerOf([json(200, { urls: [] })]);

  await broker.signUrl({ path: 'a.png', method: 'URL_METHOD_GET' });

  assert.equal(sent[0]?.url, 'https://broker.example.com/v1/urls:sign');
  assert.equal(sent[0]?.init.method, 'POST');
  assert.equal(sent[0]?.init.credentials, 'omit');
  assert.deepEqual(sent[0]?.init.headers, { authorization: 'Bearer jwt', 'content-type': 'application/json' });
  assert.equal(sent[0]?.init.body, '{"path":"a.png","method":"URL_METHOD_GET"}');
});

test("a refusal carries the broker's reason, metadata, request id and delay", async () => {
  const said = { code: 'RESOURCE_EXHAUSTED', reason: 'STS_BUDGET_SPENT', message: 'wait', metadata: { grant: 'photos' }, requestId: 'r1' };
  const { broker } = brokerOf([json(429, said, { 'retry-after': '3' })]);

  await assert.rejects(broker.issueToken({}), { ...said, name: 'SluiceError', retryAfterMs: 3000, retryable: true });
});

test('a JWT that has ended is replaced once, and the new one is believed or not', async () => {
  const good = brokerOf([expired, json(200, { grants: [{ name: 'photos' }] })], ['old', 'new']);
  assert.deepEqual((await good.broker.listGrants()).map(({ name }) => name), ['photos']);
  assert.deepEqual(good.rejected, [undefined, 'old']);

  const bad = brokerOf([expired, expired], ['old', 'new']);
  await assert.rejects(bad.broker.listGrants(), { reason: 'TOKEN_EXPIRED' });
  assert.equal(bad.sent.length, 2);
});

test('a source that has no other JWT is not asked in a circle', async () => {
  const { broker, sent } = brokerOf([expired, expired], ['same']);

  await assert.rejects(broker.listGrants(), { reason: 'TOKEN_EXPIRED' });
  assert.equal(sent.length, 1);
});

test('no answer and an answer that is none are errors that may pass', async () => {
  const { broker } = brokerOf([() => new Response('<html>bad gateway</html>', { status: 502 }), () => new Response('hello')]);

  await assert.rejects(broker.listGrants(), { reason: 'HTTP_502', retryable: true });
  await assert.rejects(broker.listGrants(), { reason: 'HTTP_200', code: 'UNAVAILABLE' });
  await assert.rejects(broker.listGrants(), { reason: 'NETWORK_UNREACHABLE', retryable: true });
});
