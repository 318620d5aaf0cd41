const events = require("node:events");
const net = require("node:net");

const { HOST: host, PORT: port, USER_NAME: username, PASSWORD: password } = process.env;

async function main() {
  const { createTunnel } = await import("tunnel-ssh");
  const echo = net.createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
  await events.once(echo, "listening");
  const target = { dstAddr: "127.0.0.1", dstPort: echo.address().port };
  const [server, client] = await createTunnel(
    { autoClose: true },
    { port: 0 },
    { host, port: Number(port), username, password },
    target,
  );
  const socket = net.connect(server.address().port, "127.0.0.1");
  socket.write("through the tunnel");
  const [data] = await events.once(socket, "data");
  console.log(String(data));
  socket.end();
  await events.once(client, "close");
  console.log("closed");
  echo.close();
}
void main();
