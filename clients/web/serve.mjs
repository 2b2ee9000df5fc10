// SPDX-License-Identifier: Apache-2.0
// Serves dist/page and a config.json beside it:
//   node serve.mjs --config FILE [--listen ADDR] [--port N] [--ports-file FILE]
// Whatever it serves it has read at start; only the config is read at each request, since the demo writes it later.
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

const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml', '.map': 'application/json', '.txt': 'text/plain' };
const folder = fileURLToPath(new URL('dist/page/', import.meta.url));
const files = new Map(readdirSync(folder).map((name) => [`/${name}`, { type: TYPES[extname(name)], body: readFileSync(folder + name) }]));
files.set('/', files.get('/index.html'));

// Only the page's own scripts, and only the servers that the config names.
function policy(config) {
  const origins = ['brokerUrl', 'gatewayUrl', 'identityUrl', 'ossUrl'].map((key) => config[key]).filter(Boolean).map((url) => new URL(url).origin);
  const oss = config.ossUrl ? new URL(config.ossUrl).origin : '';
  return [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", `img-src 'self' blob: ${oss}`, `connect-src 'self' ${origins.join(' ')}`,
    "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'",
  ].join('; ');
}

const server = createServer((request, response) => {
  const path = request.url.split('?')[0];
  const headers = { 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-cache' };
  const answer = (status, type, body) => {
    response.writeHead(status, { ...headers, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'text/plain', 'GET or HEAD\n');
  try {
    const text = readFileSync(values.config, 'utf8');
    headers['Content-Security-Policy'] = policy(JSON.parse(text));
    if (path === '/config.json') return answer(200, 'application/json', text);
  } catch (error) {
    return answer(503, 'text/plain', `${values.config}: ${error.message}\n`);
  }
  const file = files.get(path);
  return file ? answer(200, file.type, file.body) : answer(404, 'text/plain', 'no such file\n');
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
