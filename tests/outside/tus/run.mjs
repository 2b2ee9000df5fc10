// Shows that the claims of the conformance suite can fail, runs them and the stock client against @tus/server, then against the upload
// gateway, where SLUICE_GATEWAY_HTTP names one, with what is the gateway's own. Counts them together for ./dev.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { rootFolder } from './packages.mjs';
import { startReferenceServer } from './reference_server.mjs';
import { startShortLived } from './replicas.mjs';

const here = (name) => path.join(rootFolder, 'tests/outside/tus', name);
const total = { pass: 0, fail: 0, skipped: 0, todo: 0 };

// `node --test` in a process of its own, whose counts are added up.
function suite(title, files, environment) {
  console.log(`# ${title}`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--test', '--test-reporter=tap', ...files.map(here)], {
      cwd: rootFolder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (piece) => {
      text += piece;
      process.stdout.write(piece);
    });
    child.on('close', (code, signal) => {
      for (const name of Object.keys(total)) total[name] += Number(text.match(new RegExp(`^# ${name} (\\d+)$`, 'm'))?.[1] ?? 0);
      if (code !== 0) console.log(`# ${title}: exit ${code ?? signal}`);
      resolve(code === 0);
    });
  });
}

let good = await suite('servers with a fault', ['mutants.test.mjs'], {});

const reference = await startReferenceServer();
let shortLived = await startReferenceServer({ lifetime: 300 });
good = (await suite('@tus/server', ['conformance.test.mjs', 'stock_client.test.mjs'], {
  SLUICE_TUS_SERVER: '@tus/server',
  SLUICE_TUS_ENDPOINT: reference.endpoint,
  SLUICE_TUS_SHORT_LIVED: shortLived.endpoint,
})) && good;
reference.stop();
shortLived.stop();

const gateway = process.env.SLUICE_GATEWAY_HTTP;
if (gateway) {
  shortLived = await startShortLived();
  const environment = {
    SLUICE_TUS_SERVER: 'sluice-gateway',
    SLUICE_TUS_ENDPOINT: `${gateway}/files/`,
    SLUICE_TUS_SHORT_LIVED: shortLived.endpoint,
  };
  good = (await suite('upload gateway', ['conformance.test.mjs', 'stock_client.test.mjs', 'gateway.test.mjs'], environment)) && good;
  await shortLived.kill();
}

console.log('# in all');
for (const [name, count] of Object.entries(total)) console.log(`# ${name} ${count}`);
process.exit(good ? 0 : 1);
