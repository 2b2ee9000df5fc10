// More gateways and brokers beside those of tests/outside/with_services.sh, from the environment that it wrote down.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { rootFolder } from './packages.mjs';

// Starts a program with free ports and answers them, and how to end it.
async function start(program, { environment, config, overrides = {} }) {
  const run = process.env.SLUICE_RUN;
  const name = path.join(run, `${program}-${crypto.randomUUID()}`);
  const exports = Object.entries({
    SLUICE_LISTEN_GRPC: '127.0.0.1:0',
    SLUICE_LISTEN_HTTP: '127.0.0.1:0',
    SLUICE_LISTEN_ADMIN: '127.0.0.1:0',
    SLUICE_LISTEN_GATEWAYS: '127.0.0.1:0',
    SLUICE_AUDIT_FILE: `${name}.jsonl`,
    ...overrides,
  }).map(([key, value]) => `export ${key}="${value}"`);
  const script = [`. "${run}/${environment}"`, ...exports, `exec "${process.env.SLUICE_BIN}/${program}" --config "${config}" --ports-file "${name}.ports"`];
  const log = fs.openSync(`${name}.log`, 'a');
  const child = spawn('bash', ['-c', script.join('\n')], { cwd: rootFolder, stdio: ['ignore', log, log] });
  fs.closeSync(log);
  let running = true;
  const ended = new Promise((resolve) => child.on('close', resolve)).then(() => (running = false));
  for (let attempt = 0; attempt < 300 && running && !fs.existsSync(`${name}.ports`); ++attempt) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(fs.existsSync(`${name}.ports`), `${program} did not start: ${fs.readFileSync(`${name}.log`, 'utf8')}`);
  return {
    ports: JSON.parse(fs.readFileSync(`${name}.ports`)),
    kill() {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

async function startGateway(overrides) {
  const { ports, kill } = await start('sluice-gateway', { environment: 'gateway.env', config: 'deploy/config/upload_gateway.sandbox.yaml', overrides });
  return { endpoint: `http://127.0.0.1:${ports.http}/files/`, kill };
}

// Another gateway with the key that all share.
export const startReplica = () => startGateway({});

// A gateway whose uploads live for two seconds: with a broker whose tickets end a minute after that, as the gateway asks of them.
export async function startShortLived() {
  const config = path.join(process.env.SLUICE_RUN, 'short-lived.yaml');
  const usual = fs.readFileSync(path.join(rootFolder, 'deploy/config/token_broker.sandbox.yaml'), 'utf8');
  fs.writeFileSync(config, usual.replaceAll(/^( +)ttl: .*$/gm, '$&\n$1ticket_ttl_max: 62s'));
  const broker = await start('sluice-broker', { environment: 'broker.env', config });
  const gateway = await startGateway({ SLUICE_GATEWAYS_BROKER: `127.0.0.1:${broker.ports.gateways}` });
  return { endpoint: gateway.endpoint, kill: () => Promise.all([gateway.kill(), broker.kill()]) };
}
