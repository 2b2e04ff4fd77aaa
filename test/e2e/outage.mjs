// A wire between browser and server that can be cut: TCP, byte for byte.
import net from "node:net";
import { serverUrl } from "./server.mjs";

export async function openWire() {
  const target = new URL(serverUrl);
  const sockets = new Set();
  let whole = true;

  const server = net.createServer((near) => {
    if (!whole) return near.resetAndDestroy();
    const far = net.connect(Number(target.port || 80), target.hostname);
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
    cut() {
      whole = false;
      for (const socket of sockets) socket.destroy();
    },
    mend() {
      whole = true;
    },
    close() {
      this.cut();
      server.close();
    },
  };
}
