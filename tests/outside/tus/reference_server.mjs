// @tus/server over its file store, in a temporary folder: the second judge. It answers the same claims as the gateway.
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { load } from './packages.mjs';

const { Server } = load('@tus/server');
const { FileStore } = load('@tus/file-store');

export async function startReferenceServer({ maxSize = 64 * 1024 * 1024, lifetime = 3600_000 } = {}) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-tus-'));
  const tus = new Server({ path: '/files', maxSize, datastore: new FileStore({ directory, expirationPeriodInMilliseconds: lifetime }) });
  const server = http.createServer(tus.handle.bind(tus));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${server.address().port}/files/`,
    stop() {
      server.closeAllConnections();
      server.close();
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}
