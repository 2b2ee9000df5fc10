// The unmodified official JavaScript SDK judges the broker's tokens and the sandbox, with both of its signature versions.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

const OSS = createRequire(process.env.SLUICE_NODE)('ali-oss');

const sts = new OSS.STS({
  endpoint: process.env.SLUICE_STS,
  accessKeyId: 'SANDBOXBROKERKEYID00',
  accessKeySecret: 'sandbox-broker-secret',
});

async function tokenOf(subject, query = '') {
  const jwt = (await (await fetch(`${process.env.SLUICE_IDENTITY}/token?subject=${subject}`)).text()).trim();
  const answer = await fetch(`${process.env.SLUICE_HTTP}/get_sts_token${query}`, {
    headers: { authorization: `Bearer ${jwt}` },
  });
  const token = await answer.json();
  assert.equal(token.StatusCode, 200, token.ErrorMessage);
  return token;
}

function clientOf(token, v4) {
  return new OSS({
    endpoint: process.env.SLUICE_OSS,
    bucket: 'sluice-demo',
    region: 'oss-cn-hangzhou',
    authorizationV4: v4,
    accessKeyId: token.AccessKeyId,
    accessKeySecret: token.AccessKeySecret,
    stsToken: token.SecurityToken,
    refreshSTSTokenInterval: 3600 * 1000,
  });
}

for (const v4 of [false, true]) {
  const version = v4 ? 'V4' : 'V1';

  test(`${version}: put, get, head and list inside the prefix`, async () => {
    const client = clientOf(await tokenOf('alice'), v4);
    const body = crypto.randomBytes(100_000);
    const name = `uploads/alice/${version}/a picture +&=é.bin`;

    await client.put(name, body, { mime: 'image/png', meta: { origin: 'test' } });
    const got = await client.get(name);
    const head = await client.head(name);
    const list = await client.listV2({ prefix: `uploads/alice/${version}/` });

    assert.deepEqual(got.content, body);
    assert.equal(head.meta.origin, 'test');
    assert.equal(head.res.headers['content-type'], 'image/png');
    assert.deepEqual(list.objects.map((o) => o.name), [name]);
  });

  test(`${version}: multipart upload inside the prefix`, async () => {
    const client = clientOf(await tokenOf('alice'), v4);
    const file = path.join(os.tmpdir(), `sluice-${process.pid}-${version}.bin`);
    const body = crypto.randomBytes(700_000);
    fs.writeFileSync(file, body);

    try {
      await client.multipartUpload(`uploads/alice/${version}/big.bin`, file, { partSize: 200 * 1024, parallel: 3 });
      const got = await client.get(`uploads/alice/${version}/big.bin`);
      assert.deepEqual(got.content, body);
    } finally {
      fs.unlinkSync(file);
    }
  });

  test(`${version}: everything outside the prefix is 403 AccessDenied`, async () => {
    const client = clientOf(await tokenOf('alice'), v4);
    const refused = { status: 403, code: 'AccessDenied' };

    await assert.rejects(client.put('uploads/bob/x', Buffer.from('x')), refused);
    await assert.rejects(client.put('uploads/alicex/x', Buffer.from('x')), refused);
    await assert.rejects(client.get('uploads/bob/x'), refused);
    await assert.rejects(client.initMultipartUpload('uploads/bob/x'), refused);
    await assert.rejects(client.listV2({ prefix: 'uploads/' }), refused);
    await assert.rejects(client.listV2({}), refused);
    await assert.rejects(client.delete('uploads/bob/x'), refused);
  });

  test(`${version}: a token narrowed to one operation and path does no more`, async () => {
    const client = clientOf(await tokenOf('alice', '?path=narrow/&operations=DOWNLOAD'), v4);
    const refused = { status: 403, code: 'AccessDenied' };

    await assert.rejects(client.put('uploads/alice/narrow/x', Buffer.from('x')), refused);
    await assert.rejects(client.get('uploads/alice/other'), refused);
    await assert.rejects(client.get('uploads/alice/narrow/absent'), { status: 404, code: 'NoSuchKey' });
  });
}

test('a wrong secret is SignatureDoesNotMatch, a foreign token is refused', async () => {
  const alice = await tokenOf('alice');
  const bob = await tokenOf('bob');
  const forged = clientOf({ ...alice, AccessKeySecret: bob.AccessKeySecret }, true);
  const mixed = clientOf({ ...alice, SecurityToken: bob.SecurityToken }, true);

  await assert.rejects(forged.put('uploads/alice/x', Buffer.from('x')), { status: 403, code: 'SignatureDoesNotMatch' });
  await assert.rejects(mixed.put('uploads/alice/x', Buffer.from('x')), {
    status: 403,
    code: 'AccessKeyIdAndSecurityTokenNotMatch',
  });
});

test('STS refuses a wrong secret, an unknown role, a short life and a policy of another grammar', async () => {
  const arn = 'acs:ram::1000000000000001:role/sluice-uploader';
  const thief = new OSS.STS({ endpoint: process.env.SLUICE_STS, accessKeyId: 'SANDBOXBROKERKEYID00', accessKeySecret: 'no' });

  await assert.rejects(thief.assumeRole(arn, '', 900, 'js-test'), { code: 'SignatureDoesNotMatch' });
  await assert.rejects(sts.assumeRole(`${arn}-x`, '', 900, 'js-test'), { code: 'NoPermission' });
  await assert.rejects(sts.assumeRole(arn, '', 899, 'js-test'), { code: 'InvalidParameter.DurationSeconds' });
  await assert.rejects(sts.assumeRole(arn, '{"Version":"1","Statements":[]}', 900, 'js-test'), {
    code: 'InvalidParameter.PolicyGrammar',
  });
  const answer = await sts.assumeRole(arn, '', 900, 'js-test');
  assert.match(answer.credentials.Expiration, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
});
