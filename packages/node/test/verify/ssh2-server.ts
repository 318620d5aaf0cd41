import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { setTimeout as after } from "node:timers/promises";
import ssh2, { type AuthContext, type Connection, type ServerChannel } from "ssh2";
import type { PeerServer, PeerSettings } from "./settings.ts";

/** Starts ssh2's server with an authenticator that answers after a delay, like one that queries a database. */
export async function startSsh2(settings: PeerSettings): Promise<PeerServer> {
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [await readFile(settings.hostKey.path)] }, (connection) => {
    connections.add(connection);
    connection.on("authentication", (context) => void decide(context, settings));
    connection.on("session", (accept) => {
      accept().on("exec", (acceptExec, _, { command }) => run(command, acceptExec()));
    });
    connection.on("error", () => {});
    connection.on("close", () => connections.delete(connection));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const connection of connections) connection.end();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

async function decide(context: AuthContext, { userKey, password, answers }: PeerSettings): Promise<void> {
  await after(20);
  const accept = (isAccepted: boolean): void => {
    if (isAccepted) context.accept();
    else context.reject(["publickey", "password", "keyboard-interactive"]);
  };
  switch (context.method) {
    case "publickey": {
      const key = ssh2.utils.parseKey(userKey.publicKeyLine);
      if (key instanceof Error) throw key;
      const isKnown = key.getPublicSSH().equals(context.key.data);
      const { signature, blob, hashAlgo } = context;
      // Contrary to its type, ssh2 returns an Error for some signatures.
      const isVerified: unknown = signature === undefined || key.verify(blob!, signature, hashAlgo);
      accept(isKnown && isVerified === true);
      return;
    }
    case "password":
      accept(context.password === password);
      return;
    case "keyboard-interactive":
      context.prompt(
        [
          { prompt: "First: ", echo: false },
          { prompt: "Second: ", echo: true },
        ],
        // If the client abandons the exchange, ssh2 passes an error here and accepts no answer.
        (given: readonly string[] | Error) => {
          if (!(given instanceof Error)) accept(given.join() === answers.join());
        },
      );
      return;
    case "none":
    case "hostbased":
      accept(false);
  }
}

function run(command: string, channel: ServerChannel): void {
  const child = spawn("/bin/sh", ["-c", command]);
  child.stdin.on("error", () => {});
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.on("close", (status) => {
    channel.exit(status ?? 255);
    channel.end();
  });
}
