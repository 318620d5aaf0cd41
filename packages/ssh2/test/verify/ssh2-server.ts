import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import ssh2, { type Connection } from "ssh2";
import { ed25519Pair } from "../parity/made-keys.ts";

/** A server of ssh2 of the registry for consumers that OpenSSH cannot serve: a fake Docker, and connections to a port that is not bound. */
export interface FakeServer {
  readonly port: number;
  /** Opens a connection to a port that a client has asked to listen on, sends bytes, and resolves with as many bytes of the answer. */
  dialForwarded(bytes: string): Promise<string>;
  close(): void;
}

/** Starts the server. Every login is accepted. */
export async function startFakeServer(): Promise<FakeServer> {
  const docker = fakeDocker();
  const sockets = new Set<Connection>();
  let forwarded: { readonly client: Connection; readonly address: string; readonly port: number } | undefined;
  const hostKeys = [ed25519Pair().private];
  const server = new ssh2.Server({ hostKeys }, (client) => {
    sockets.add(client);
    client
      .on("authentication", (context) => context.accept())
      .on("error", () => {})
      .on("close", () => sockets.delete(client))
      .on("request", (accept, reject, name, info) => {
        if (name !== "tcpip-forward") return reject?.();
        forwarded = { client, address: info.bindAddr, port: info.bindPort };
        accept?.();
      })
      .on("session", (acceptSession) => {
        acceptSession().on("exec", (accept, reject, { command }) => {
          if (command === "docker system dial-stdio") docker.emit("connection", accept());
          else reject();
        });
      });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    dialForwarded: (bytes) =>
      new Promise((resolve, reject) => {
        if (forwarded === undefined) throw new Error("no client has asked for a port");
        const { client, address, port } = forwarded;
        client.forwardOut(address, port, "127.0.0.1", 9, (error, channel) => {
          if (error) return reject(error);
          let answer = "";
          channel.on("data", (data: Buffer) => {
            answer += String(data);
            if (answer.length < bytes.length) return;
            channel.end();
            resolve(answer);
          });
          channel.on("close", () => reject(new Error(`got ${answer.length} bytes`)));
          channel.write(bytes);
        });
      }),
    close() {
      for (const client of sockets) client.end();
      server.close();
    },
  };
}

function fakeDocker(): HttpServer {
  return createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    if (request.url?.endsWith("/version")) response.end(JSON.stringify({ Version: "99.0", Path: request.url }));
    else if (request.url?.includes("/containers/json")) response.end(JSON.stringify([{ Id: "one" }, { Id: "two" }]));
    else if (request.method === "POST") {
      let body = "";
      request.on("data", (data: Buffer) => (body += String(data)));
      request.on("end", () => response.writeHead(201).end(JSON.stringify({ Id: "made", Warnings: [body.length] })));
    } else response.writeHead(404).end(JSON.stringify({ message: "no such thing" }));
  });
}
