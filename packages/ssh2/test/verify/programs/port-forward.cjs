const events = require("node:events");
const { createServer } = require("node:net");
const { createSshConnection } = require("ssh-remote-port-forward");

const { HOST: host, FAKE_PORT: port, USER_NAME: username, PASSWORD: password } = process.env;

async function main() {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
  await events.once(server, "listening");
  const connection = await createSshConnection({ host, port: Number(port), username, password });
  connection.unref();
  connection.ref();
  await connection.remoteForward("127.0.0.1", server.address().port);
  process.stdout.write("listening\n");
  process.stdin.once("data", () => process.exit(0));
}
void main();
