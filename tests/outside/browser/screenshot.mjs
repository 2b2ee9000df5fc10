// The picture of the page in the README: tests/outside/with_services.sh --page node tests/outside/browser/screenshot.mjs clients/web/page.png
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { FLAGS } from './chromium_flags.mjs';

const { chromium } = createRequire(process.env.SLUICE_BROWSER_NODE)('playwright-core');
const folder = fs.mkdtempSync(path.join(process.env.SLUICE_RUN, 'pictures-'));
const browser = await chromium.launch({ executablePath: process.env.SLUICE_CHROMIUM ?? '/usr/bin/chromium', headless: true, args: FLAGS });

// Something to look at: hills under a sky, with grain so that the file is not too small to be seen going.
async function paint(name, sky, far, near, size) {
  const painter = await browser.newPage({ viewport: size });
  await painter.setContent(`<body style="margin:0"><svg viewBox="0 0 1600 1200" width="${size.width}" height="${size.height}">
    <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="${sky[0]}"/><stop offset="1" stop-color="${sky[1]}"/></linearGradient>
    <filter id="grain"><feTurbulence baseFrequency=".9" numOctaves="2"/><feColorMatrix values="0 0 0 0 1  0 0 0 0 1  0 0 0 0 1  .16 0 0 0 0"/></filter></defs>
    <rect width="1600" height="1200" fill="url(#sky)"/><circle cx="1150" cy="380" r="130" fill="#fff6dd"/>
    <path d="M0 760 Q400 430 800 720 T1600 620 V1200 H0Z" fill="${far}"/><path d="M0 960 Q500 700 950 930 T1600 850 V1200 H0Z" fill="${near}"/>
    <rect width="1600" height="1200" filter="url(#grain)"/></svg>`);
  const file = path.join(folder, name);
  await painter.screenshot({ path: file });
  await painter.close();
  return file;
}

const small = { width: 800, height: 600 };
const done = [await paint('evening.png', ['#2b2d6e', '#f08a5d'], '#5a3a63', '#2a1f3d', small), await paint('noon.png', ['#4aa3df', '#d9f0fb'], '#6fa86b', '#2f6b4f', small)];
const going = await paint('morning.png', ['#f6b8a0', '#fdebd0'], '#8fb5a6', '#45766b', { width: 2400, height: 1800 });

const page = await browser.newPage({ viewport: { width: 820, height: 600 } });
const label = (text) => page.getByLabel(text, { exact: true });
await page.goto(process.env.SLUICE_PAGE);
await page.getByRole('button', { name: 'Sign in' }).click();
await page.getByText('Signed in as alice.').waitFor();
for (const file of done) {
  await label('Picture').setInputFiles(file);
  await page.getByRole('button', { name: 'Upload' }).click();
  await page.getByText(`Stored: ${path.basename(file)}`).waitFor();
}
const network = await page.context().newCDPSession(page);
await network.send('Network.enable');
await network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 1_000_000 });
await label('Picture').setInputFiles(going);
await page.getByRole('radio', { name: 'Gateway' }).check();
await page.getByRole('button', { name: 'Upload' }).click();
await page.getByRole('button', { name: "Try another user's prefix" }).click();
await page.getByRole('list', { name: 'Answers' }).getByRole('listitem').nth(2).waitFor();
await page.waitForFunction(() => document.querySelector('progress').value > 55 && [...document.images].every((image) => image.hidden || image.complete));
await page.screenshot({ path: process.argv[2], fullPage: true });
await browser.close();
