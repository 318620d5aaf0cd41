/** A process with ssh2's server; or with that of this project's package in its place: `child-server-ssh2 nacre`. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import type { AuthContext, Connection } from "ssh2";
import { runCommand, serverWork } from "../server/server-worker.ts";

const require = createRequire(import.meta.url);
const ssh2 = require(process.argv.includes("nacre") ? "@nacre/ssh2" : "ssh2") as typeof import("ssh2");
const connections = new Set<Connection>();
let logins = 0;

serverWork({
  async listen({ hostKeyFile, userKey }) {
    const allowed = ssh2.utils.parseKey(userKey);
    if (allowed instanceof Error) throw allowed;
    const key = Array.isArray(allowed) ? allowed[0]! : allowed;
    const server = new ssh2.Server({ hostKeys: [await readFile(hostKeyFile)] }, (connection) => {
      connections.add(connection);
      connection.on("error", () => {});
      connection.on("close", () => connections.delete(connection));
      connection.on("ready", () => logins++);
      connection.on("authentication", (context: AuthContext) => {
        // Checks algorithm, key and signature, like the example in ssh2's documentation. A first request has no signature.
        const isKey =
          context.method === "publickey" &&
          context.key.algo === key.type &&
          key.getPublicSSH().equals(context.key.data) &&
          (context.signature === undefined || key.verify(context.blob!, context.signature, context.hashAlgo) === true);
        if (isKey) context.accept();
        else context.reject(["publickey"]);
      });
      connection.on("session", (accept) => {
        accept().on("exec", (acceptExec, _reject, { command }) => {
          const stream = acceptExec();
          runCommand(command, stream.stdin, stream.stdout).then(
            () => {
              stream.exit(0);
              stream.end();
            },
            (error: unknown) => {
              stream.stderr.write(String(error));
              stream.exit(1);
              stream.end();
            },
          );
        });
      });
    });
    // ssh2's own listener leaves Nagle's algorithm on.
    const listener = createServer({ noDelay: true }, (socket) => server.injectSocket(socket));
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    return { port: (listener.address() as AddressInfo).port };
  },
  connections: () => connections.size,
  logins: () => logins,
});
