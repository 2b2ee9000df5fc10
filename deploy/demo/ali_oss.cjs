// Steps of the demo that the official JavaScript SDK does, unmodified: token | put | refused | expired.
const { createRequire } = require('node:module');
const fs = require('node:fs');

const OSS = createRequire(process.env.SLUICE_NODE)('ali-oss');
const [step, file] = process.argv.slice(2);

// What a token broker would send: alice's own prefix and nothing else.
const policy = JSON.stringify({
  Version: '1',
  Statement: [
    {
      Effect: 'Allow',
      Action: ['oss:PutObject', 'oss:GetObject', 'oss:ListParts', 'oss:AbortMultipartUpload'],
      Resource: 'acs:oss:*:*:sluice-demo/uploads/alice/*',
    },
  ],
});

async function token() {
  const sts = new OSS.STS({
    endpoint: process.env.SLUICE_STS,
    accessKeyId: 'SANDBOXBROKERKEYID00',
    accessKeySecret: 'sandbox-broker-secret',
  });
  return (await sts.assumeRole('acs:ram::1000000000000001:role/sluice-uploader', policy, 3600, 'alice')).credentials;
}

async function alice() {
  const issued = await token();
  return new OSS({
    endpoint: process.env.SLUICE_OSS,
    bucket: 'sluice-demo',
    region: 'oss-cn-hangzhou',
    authorizationV4: true,
    accessKeyId: issued.AccessKeyId,
    accessKeySecret: issued.AccessKeySecret,
    stsToken: issued.SecurityToken,
    refreshSTSTokenInterval: 24 * 3600 * 1000,
  });
}

// Runs `act`, which must be refused with `code`, and shows OSS's answer.
async function refused(what, code, act) {
  try {
    await act();
  } catch (error) {
    console.log(`  ${what}: OSS answers ${error.status} ${error.code}: ${error.message}`);
    if (error.code === code) return;
    throw new Error(`expected ${code}`);
  }
  throw new Error(`${what} was allowed`);
}

const steps = {
  async token() {
    const issued = await token();
    console.log(`  session policy: ${policy}`);
    console.log(`  AccessKeyId ${issued.AccessKeyId}, valid until ${issued.Expiration}; secret and token are not shown`);
  },
  async put() {
    const client = await alice();
    const answer = await client.put('uploads/alice/picture.png', file);
    console.log(`  PUT uploads/alice/picture.png: ${answer.res.status}`);
    const back = await client.get('uploads/alice/picture.png');
    if (!back.content.equals(fs.readFileSync(file))) throw new Error('it came back different');
    console.log('  read back: byte-equal');
  },
  async refused() {
    const client = await alice();
    await refused('PUT uploads/bob/picture.png', 'AccessDenied', () => client.put('uploads/bob/picture.png', Buffer.from('x')));
    await refused('GET uploads/bob/picture.png', 'AccessDenied', () => client.get('uploads/bob/picture.png'));
    await refused('DELETE uploads/alice/picture.png (not in the policy)', 'AccessDenied', () => client.delete('uploads/alice/picture.png'));
  },
  async expired() {
    const client = await alice();
    const moved = await fetch(`${process.env.SLUICE_SANDBOX_ADMIN}/clock?advance=61m`, { method: 'POST' });
    if (!moved.ok) throw new Error(`the clock did not move: ${moved.status}`);
    // The phone's clock is right, so it moves as well.
    client.options.amendTimeSkewed = 61 * 60 * 1000;
    await refused('PUT uploads/alice/late.png', 'SecurityTokenExpired', () => client.put('uploads/alice/late.png', Buffer.from('x')));
  },
};

steps[step]().catch((error) => {
  console.error(`  ${error.message}`);
  process.exit(1);
});
