// Requests as they are on the wire: nothing is added, retried, followed or hidden.
import http from 'node:http';
import net from 'node:net';

const PATIENCE = 15_000;

// One request over a connection of its own. A header whose value is undefined is not sent; a list is sent as many lines.
// Answers {status, headers, raw, body, continued}; rejects when the connection ends before the status line.
export function send(method, url, headers = {}, body = undefined) {
  return new Promise((resolve, reject) => {
    const sent = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
    const expects = Object.keys(sent).some((name) => name.toLowerCase() === 'expect');
    const request = http.request(url, { method, headers: sent, agent: false, timeout: PATIENCE });
    let continued = false;
    request.on('timeout', () => request.destroy(new Error(`${method} was not answered within ${PATIENCE} ms`)));
    request.on('error', reject);
    request.on('response', (response) => {
      const pieces = [];
      const whole = () =>
        resolve({ status: response.statusCode, headers: response.headers, raw: response.rawHeaders, body: Buffer.concat(pieces), continued });
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', whole);
      response.on('error', whole);
      if (expects && !continued) request.destroy();
    });
    if (expects) {
      request.on('continue', () => {
        continued = true;
        request.end(body);
      });
      request.flushHeaders();
    } else {
      request.end(body);
    }
  });
}

// The head of a request as text, for talk() and cut().
export function head(method, url, headers = {}) {
  const { host, pathname, search } = new URL(url);
  const lines = Object.entries(headers)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`));
  return [`${method} ${pathname}${search} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n');
}

// Writes bytes to a fresh connection and collects `wanted` answers, or fewer where the other side ends it. `methods` are those of
// the requests, since the answer to HEAD has no body.
export function talk(url, bytes, methods) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, hostname);
    let received = Buffer.alloc(0);
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parse(received, methods).answers);
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`${parse(received, methods).answers.length} of ${methods.length} answers came within ${PATIENCE} ms`));
    }, PATIENCE);
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (piece) => {
      received = Buffer.concat([received, piece]);
      if (parse(received, methods).complete) done();
    });
    socket.on('end', done);
    socket.on('error', done);
  });
}

// Sends a head and less of the body than it promised, then closes the connection.
export function cut(url, text, body) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, hostname);
    socket.on('error', reject);
    socket.on('close', resolve);
    socket.resume();
    socket.write(text);
    socket.write(body, () => socket.end(() => socket.destroy()));
  });
}

function parse(bytes, methods) {
  const answers = [];
  let rest = bytes;
  while (answers.length < methods.length) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { answers, complete: false };
    const [first, ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const status = Number(first.split(' ')[1]);
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    rest = rest.subarray(end + 4);
    if (status === 100) continue;
    const bodiless = status === 204 || methods[answers.length] === 'HEAD';
    let size = bodiless ? 0 : Number(headers['content-length'] ?? 0);
    if (!bodiless && /chunked/i.test(headers['transfer-encoding'] ?? '')) {
      const last = rest.indexOf('0\r\n\r\n');
      if (last < 0) return { answers, complete: false };
      size = last + 5;
    }
    if (rest.length < size) return { answers, complete: false };
    answers.push({ status, headers, body: rest.subarray(0, size) });
    rest = rest.subarray(size);
  }
  return { answers, complete: true };
}
