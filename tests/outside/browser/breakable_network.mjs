// The one way that Chromium has to the services: a proxy that can stand still and be torn.
import http from 'node:http';

export class BreakableNetwork {
  // Bytes of requests' bodies that have passed.
  sent = 0;
  #holdAt = Number.POSITIVE_INFINITY;
  #held = new Set();
  #whole = true;
  #sockets = new Set();
  #server = http.createServer((request, response) => this.#pass(request, response));

  static async start() {
    const network = new BreakableNetwork();
    network.#server.on('connection', (socket) => {
      if (!network.#whole) return socket.resetAndDestroy();
      network.#sockets.add(socket);
      socket.on('close', () => network.#sockets.delete(socket)).on('error', () => {});
    });
    await new Promise((resolve) => network.#server.listen(0, '127.0.0.1', resolve));
    return network;
  }

  get address() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  // Once so many more bytes have passed, bodies stand still.
  holdAfter(bytes) {
    this.#holdAt = this.sent + bytes;
  }

  // Where the bodies that stand still were going.
  get held() {
    return [...this.#held].map((request) => request.url);
  }

  // New bodies pass again. What stood still is lost: the page has turned away from it.
  release() {
    this.#holdAt = Number.POSITIVE_INFINITY;
    for (const request of this.#held) request.destroy();
    this.#held.clear();
  }

  // Every connection ends, whatever is on it, and no new one comes about.
  tear() {
    this.#whole = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  mend() {
    this.#whole = true;
    this.release();
  }

  stop() {
    this.tear();
    this.#server.close();
  }

  #pass(request, response) {
    const onward = http.request(request.url, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    onward.on('drain', () => this.#held.has(request) || request.resume());
    response.on('close', () => onward.destroy());
    request.on('error', () => onward.destroy());
    request.on('end', () => onward.end());
    request.on('data', (chunk) => {
      this.sent += chunk.length;
      if (!onward.write(chunk)) request.pause();
      if (this.sent < this.#holdAt) return;
      this.#held.add(request);
      request.pause();
    });
  }
}
