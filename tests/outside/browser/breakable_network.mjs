// The one way that Chromium has to the services: a proxy that can be torn.
import http from 'node:http';

export class BreakableNetwork {
  #sockets = new Set();
  #whole = true;
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

  // Every connection ends, whatever is on it, and no new one comes about.
  tear() {
    this.#whole = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  mend() {
    this.#whole = true;
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
    request.on('error', () => onward.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  }
}
