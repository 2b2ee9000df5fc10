// Steps of the demo that the official JavaScript SDK does, unmodified: put | refused | expired.
const { createRequire } = require('node:module');
const fs = require('node:fs');

const OSS = createRequire(process.env.SLUICE_NODE)('ali-oss');
const [step, file] = process.argv.slice(2);

// What GET /get_sts_token returns is all that the SDK needs.
async function alice() {
  const jwt = fs.readFileSync(process.env.SLUICE_JWT_FILE, 'utf8').trim();
  const answer = await fetch(`${process.env.SLUICE_HTTP}/get_sts_token`, { headers: { authorization: `Bearer ${jwt}` } });
  const token = await answer.json();
  if (token.StatusCode !== 200) throw new Error(`${token.ErrorCode}: ${token.ErrorMessage}`);
  return new OSS({
    endpoint: process.env.SLUICE_OSS,
    bucket: 'sluice-demo',
    region: 'oss-cn-hangzhou',
    authorizationV4: true,
    accessKeyId: token.AccessKeyId,
    accessKeySecret: token.AccessKeySecret,
    stsToken: token.SecurityToken,
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
  async put() {
    const client = await alice();
    const answer = await client.put('uploads/alice/from-ali-oss.png', file);
    console.log(`  ali-oss put uploads/alice/from-ali-oss.png: ${answer.res.status}`);
    const back = await client.get('uploads/alice/from-ali-oss.png');
    if (!back.content.equals(fs.readFileSync(file))) throw new Error('it came back different');
    console.log('  read back: byte-equal');
  },
  async refused() {
    const client = await alice();
    await refused('PUT uploads/bob/picture.png', 'AccessDenied', () => client.put('uploads/bob/picture.png', Buffer.from('x')));
    await refused('GET uploads/bob/picture.png', 'AccessDenied', () => client.get('uploads/bob/picture.png'));
    await refused('DELETE uploads/alice/picture.png (not granted)', 'AccessDenied', () => client.delete('uploads/alice/picture.png'));
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
