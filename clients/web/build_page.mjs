// SPDX-License-Identifier: Apache-2.0
// Bundles the page into dist/page. ali-oss becomes a file of its own, which the page loads after sign-in.
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
rmSync(`${here}dist/page`, { recursive: true, force: true });
await build({
  absWorkingDir: here,
  entryPoints: ['page/main.ts'],
  outdir: 'dist/page',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  sourcemap: true,
  legalComments: 'linked',
  // The SDK's own choice, already minified.
  alias: { 'ali-oss': 'ali-oss/dist/aliyun-oss-sdk.min.js' },
  logLevel: 'warning',
});
for (const file of ['index.html', 'style.css', 'icon.svg']) cpSync(`${here}page/${file}`, `${here}dist/page/${file}`);
