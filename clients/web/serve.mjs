// SPDX-License-Identifier: Apache-2.0
// Serves dist/page, and FILE as the config.json beside it:
//   node serve.mjs --config FILE [--listen ADDR] [--port N] [--ports-file FILE]
// All that it serves it has read at start.
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    config: { type: 'string' },
    listen: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '9005' },
    'ports-file': { type: 'string' },
  },
});
if (!values.config) {
  console.error('usage: node serve.mjs --config FILE [--listen ADDR] [--port N] [--ports-file FILE]');
  process.exit(2);
}

const config = readFileSync(values.config, 'utf8');
const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml', '.map': 'application/json', '.txt': 'text/plain' };
const folder = fileURLToPath(new URL('dist/page/', import.meta.url));
const files = new Map(readdirSync(folder).map((name) => [`/${name}`, { type: TYPES[extname(name)], body: readFileSync(folder + name) }]));
files.set('/', files.get('/index.html'));
files.set('/config.json', { type: 'application/json', body: config });

// Only the page's own scripts, and only the servers that the config names.
function policy({ brokerUrl, gatewayUrl, identityUrl, ossUrl }) {
  const originOf = (url) => (url ? new URL(url).origin : '');
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' blob: ${originOf(ossUrl)}`,
    `connect-src 'self' ${[brokerUrl, gatewayUrl, identityUrl, ossUrl].map(originOf).join(' ')}`,
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

const HEADERS = {
  'Content-Security-Policy': policy(JSON.parse(config)),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

const server = createServer((request, response) => {
  const read = request.method === 'GET' || request.method === 'HEAD';
  const file = read && files.get(request.url.split('?')[0]);
  const body = file ? file.body : read ? 'no such file\n' : 'GET or HEAD\n';
  response.writeHead(file ? 200 : read ? 404 : 405, {
    ...HEADERS,
    'Content-Type': file ? file.type : 'text/plain',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
});

server.on('error', (error) => {
  console.error(`serve.mjs: ${error.message}`);
  process.exit(1);
});
server.listen(Number(values.port), values.listen, () => {
  const { port } = server.address();
  console.log(`page on http://${values.listen}:${port}/`);
  if (!values['ports-file']) return;
  writeFileSync(`${values['ports-file']}.tmp`, `${JSON.stringify({ page: port })}\n`);
  renameSync(`${values['ports-file']}.tmp`, values['ports-file']);
});
process.on('SIGTERM', () => process.exit(0));
