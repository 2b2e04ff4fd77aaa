// A balancer between clients and several servers, and a wire that can be cut: TCP, byte for
// byte.  Whoever connects gets the next server; one that is away takes its client along.
import net from "node:net";

export async function openWire(urls) {
  const targets = urls.map((url) => new URL(url));
  const sockets = new Set();
  let turn = 0;

  const server = net.createServer((near) => {
    const target = targets[turn++ % targets.length];
    const far = net.connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Everything that goes over it now breaks off, wherever it is. */
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close() {
      this.cut();
      server.close();
    },
  };
}
