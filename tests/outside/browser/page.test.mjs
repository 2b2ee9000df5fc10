// A person at the page of clients/web: every step is found by the label that they would look for. Needs with_services.sh --page.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { BreakableNetwork } from './breakable_network.mjs';
import { FLAGS } from './chromium_flags.mjs';
import { noisePng } from './noise_png.mjs';

const { chromium } = createRequire(process.env.SLUICE_BROWSER_NODE)('playwright-core');
const folder = fs.mkdtempSync(path.join(process.env.SLUICE_RUN, 'pictures-'));

let browser;
let page;
let network;
const policyBreaches = [];

before(async () => {
  network = await BreakableNetwork.start();
  browser = await chromium.launch({
    executablePath: process.env.SLUICE_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
    // Chromium leaves loopback out by itself.
    proxy: { server: network.address, bypass: '<-loopback>' },
  });
  page = await (await browser.newContext({ viewport: { width: 1000, height: 1100 } })).newPage();
  page.setDefaultTimeout(60_000);
  page.on('console', (message) => {
    if (/Content Security Policy|violates/.test(message.text())) policyBreaches.push(message.text());
  });
  page.on('pageerror', (error) => policyBreaches.push(error.message));
});

after(async () => {
  await browser?.close();
  network?.stop();
});

// ---- what a person does

const byLabel = (label) => page.getByLabel(label, { exact: true });
const button = (name) => page.getByRole('button', { name, exact: true });
const status = (text) => page.getByRole('status').filter({ hasText: text });

async function signIn(name) {
  await page.goto(process.env.SLUICE_PAGE);
  await byLabel('Your name').fill(name);
  await button('Sign in').click();
  await page.getByText(`Signed in as ${name}.`).waitFor();
}

async function choose(file, way) {
  await byLabel('Picture').setInputFiles(file);
  await page.getByRole('radio', { name: way }).check();
}

const stored = (file) => status(`Stored: ${path.basename(file)}`).waitFor();
const percentOf = async (file) => Number(await byLabel(path.basename(file)).getAttribute('value'));

// ---- the world round the page

const noise = noisePng(2000, 1500);

function picture(name, bytes = noise) {
  const file = path.join(folder, name);
  fs.writeFileSync(file, bytes);
  return file;
}

async function until(holds, what) {
  for (const end = Date.now() + 60_000; !(await holds()); await new Promise((turn) => setTimeout(turn, 20))) {
    assert.ok(Date.now() < end, `${what} did not come true`);
  }
}

// Begins an upload that stands still once 5 MB of it have gone: at least two of the three parts that a token upload sends at a time.
async function midway(file, way) {
  network.holdAfter(5_000_000);
  await choose(file, way);
  await button('Upload').click();
  await until(() => network.held.length > 0, 'five megabytes');
  await until(async () => (await percentOf(file)) > 25, 'a quarter by the progress bar');
  return network.held.find((url) => url.includes('/files/'));
}

// The gateway goes on to store what it has received when a connection breaks; whoever asks sooner is told less.
async function isDurable(upload) {
  if (!upload) return;
  const jwt = await (await fetch(`${process.env.SLUICE_IDENTITY}/token?subject=alice&role=editor&audience=sluice-gateway`)).text();
  const headers = { authorization: `Bearer ${jwt.trim()}`, 'tus-resumable': '1.0.0' };
  const offset = async () => Number((await fetch(upload, { method: 'HEAD', headers })).headers.get('upload-offset'));
  await until(async () => (await offset()) > 4_000_000, 'what the gateway received');
}

async function broker(call, body, subject = 'alice') {
  const jwt = await (await fetch(`${process.env.SLUICE_IDENTITY}/token?subject=${subject}&role=editor`)).text();
  const headers = { authorization: `Bearer ${jwt.trim()}`, 'content-type': 'application/json' };
  return (await fetch(`${process.env.SLUICE_HTTP}${call}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
}

// What OSS holds, read past the page.
async function objectOf(name) {
  const signed = await broker('/v1/urls:sign', { grant: 'editors', path: name, method: 'URL_METHOD_GET' });
  const answer = await fetch(signed.urls[0].url);
  return answer.ok ? Buffer.from(await answer.arrayBuffer()) : answer.status;
}

async function isStoredExactly(file) {
  const object = await objectOf(path.basename(file));
  assert.ok(Buffer.isBuffer(object), `OSS answers ${object}`);
  assert.ok(object.equals(fs.readFileSync(file)), 'OSS holds other bytes than were chosen');
}

const stats = async (file) => (await fetch(`${process.env.SLUICE_SANDBOX_ADMIN}/stats?key=uploads/alice/${path.basename(file)}`)).json();

// ---- the walk

test('sign in by name', async () => {
  await signIn('alice');
  await page.getByText('sluice-demo/uploads/alice/').waitFor();
  await page.getByText('Nothing here yet.').waitFor();
});

const RESUMES = ['Token, in parts', 'Gateway'];

// Counted from now: nobody who resumes sends the beginning again.
function counting(way) {
  const before = network.sent;
  return () => {
    const again = network.sent - before;
    if (RESUMES.includes(way)) assert.ok(again < noise.length - 1_000_000, `${again} of ${noise.length} bytes were sent again`);
  };
}

for (const [way, name] of [['Signed form', 'form.png'], ['Signed URL', 'url.png'], ['Token, in parts', 'token.png'], ['Gateway', 'gateway.png']]) {
  test(`${way}: the picture is stored byte for byte`, async () => {
    const file = picture(name);

    await choose(file, way);
    await button('Upload').click();
    await stored(file);

    assert.equal(await percentOf(file), 100);
    await isStoredExactly(file);
  });

  test(`${way}: a picture of few bytes is stored too`, async () => {
    const file = picture(`small-${name}`, fs.readFileSync('deploy/demo/picture.png'));

    await choose(file, way);
    await button('Upload').click();
    await stored(file);

    await isStoredExactly(file);
  });

  test(`${way}: the network goes midway and comes back; the upload goes on by itself`, async () => {
    const file = picture(`cut-${name}`);

    const upload = await midway(file, way);
    network.tear();
    await status('No connection').waitFor();
    await isDurable(upload);
    const sentNoneTwice = counting(way);
    network.mend();
    await stored(file);

    await isStoredExactly(file);
    sentNoneTwice();
  });

  test(`${way}: paused midway, then resumed`, async () => {
    const file = picture(`paused-${name}`);

    const upload = await midway(file, way);
    await button('Pause').click();
    await status('Paused.').waitFor();
    network.release();
    await isDurable(upload);
    const sentNoneTwice = counting(way);
    await button('Resume').click();
    await stored(file);

    await isStoredExactly(file);
    sentNoneTwice();
  });
}

for (const way of RESUMES) {
  test(`${way}: the page is reloaded midway; the same file goes on where it was`, async () => {
    const name = `reload-${RESUMES.indexOf(way)}.png`;
    const file = picture(name);

    const upload = await midway(file, way);
    await page.reload();
    network.release();
    await isDurable(upload);
    const sentNoneTwice = counting(way);
    const left = page.getByRole('list', { name: 'Unfinished uploads' }).getByText(`${name} stopped at`);
    await left.waitFor();
    await byLabel('Picture').setInputFiles(file);
    await page.getByRole('button', { name: /^Go on from/ }).click();
    await stored(file);

    await isStoredExactly(file);
    assert.equal((await stats(file)).oss.initiate.calls, 1);
    assert.equal(await left.count(), 0);
    sentNoneTwice();
  });
}

for (const way of RESUMES) {
  test(`${way}: cancelled midway, OSS holds nothing of it`, async () => {
    const file = picture(`cancelled-${RESUMES.indexOf(way)}.png`);
    const unfinished = async () => (await (await fetch(`${process.env.SLUICE_SANDBOX_ADMIN}/stats`)).json()).unfinished_uploads;
    const before = await unfinished();

    await midway(file, way);
    assert.equal(await unfinished(), before + 1);
    await button('Cancel').click();
    await status('Cancelled.').waitFor();
    network.release();

    await until(async () => (await unfinished()) === before, 'the upload freed');
    assert.equal(await objectOf(path.basename(file)), 404);
    assert.equal(await page.getByText(`${path.basename(file)} stopped at`).count(), 0);
  });
}

test('thumbnails appear, and the watermark on a larger one', async () => {
  await button('Refresh').click();
  const thumbnail = page.getByRole('img', { name: 'Thumbnail of form.png' });
  await until(() => thumbnail.evaluate((image) => image.complete && image.naturalWidth === 160 && image.naturalHeight === 160), 'the thumbnail');

  await button('Watermark form.png').click();
  const marked = page.getByRole('dialog').getByRole('img', { name: 'form.png with a watermark' });
  await until(() => marked.evaluate((image) => image.complete && image.naturalWidth === 1000), 'the watermark');
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
});

test("another user's prefix is refused by the broker and by OSS", async () => {
  await byLabel('Other user').fill('bob');
  await button("Try another user's prefix").click();
  const answers = page.getByRole('list', { name: 'Answers' }).getByRole('listitem');
  await answers.nth(2).waitFor();

  assert.match(await answers.nth(0).innerText(), /broker.*refused.*PATH_INVALID/);
  assert.match(await answers.nth(1).innerText(), /put uploads\/bob\/hello\.txt.*refused.*AccessDenied/);
  assert.match(await answers.nth(2).innerText(), /list uploads\/bob\/.*refused.*AccessDenied/);
});

test('a deleted file is gone from the list and from OSS', async () => {
  const row = page.getByRole('list', { name: 'Your files' }).getByRole('listitem').filter({ hasText: /^url\.png/ });
  assert.equal(await row.count(), 1);

  await button('Delete url.png').click();
  await status('Deleted: url.png.').waitFor();

  assert.equal(await row.count(), 0);
  assert.equal(await objectOf('url.png'), 404);
});

test('bob sees nothing of alice: neither her files nor what she left unfinished', async () => {
  const file = picture('left.png');
  await midway(file, 'Token, in parts');
  await button('Sign out').click();
  network.release();

  await byLabel('Your name').fill('bob');
  await button('Sign in').click();
  await page.getByText('Nothing here yet.').waitFor();
  assert.equal(await page.getByText('left.png').filter({ visible: true }).count(), 0);

  await button('Sign out').click();
  await byLabel('Your name').fill('alice');
  await button('Sign in').click();
  await page.getByText('left.png stopped at').waitFor();
});

test('the page fits a phone, light and dark', async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const { wide, shown } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, shown: window.innerWidth }));
    assert.ok(wide <= shown, `${wide} pixels of content on ${shown}`);
  }
});

test('nothing broke the Content-Security-Policy, and no error went uncaught', () => {
  assert.deepEqual(policyBreaches, []);
});
