// A bad network: a TCP proxy that resets its first connections after so many bytes from the client, and lets the later ones be.
import net from 'node:net';

export async function startCuttingProxy(target, { cuts, after }) {
  const { hostname, port } = new URL(target);
  const sockets = new Set();
  const state = { cuts: 0 };
  const server = net.createServer((client) => {
    const upstream = net.connect(port, hostname);
    let passed = 0;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    upstream.pipe(client);
    client.on('data', (piece) => {
      passed += piece.length;
      if (passed > after && state.cuts < cuts) {
        ++state.cuts;
        client.resetAndDestroy();
        upstream.resetAndDestroy();
        return;
      }
      if (!upstream.write(piece)) client.pause();
    });
    upstream.on('drain', () => client.resume());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: Object.assign(new URL(target), { port: server.address().port }).href,
    state,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
