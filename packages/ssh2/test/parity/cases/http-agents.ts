import { once } from "node:events";
import { type Agent, createServer, get, type IncomingMessage, type RequestOptions, request } from "node:http";
import { createServer as createTlsServer, get as getOverTls } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Case, Peers, Recorder, Ssh2 } from "../case.ts";
import { certificate } from "../certificate.ts";
import { serve, serveAnybody, serveSockets, type Target } from "../client-peers.ts";

const section = "agents and http";

type WebServer = ReturnType<typeof createServer>;

/** Starts a web server. Resolves with its port. */
async function serveWeb(peers: Peers, server: WebServer | ReturnType<typeof createTlsServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  peers.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** A web server that answers with the request's method, path and body. */
function echo(): WebServer {
  return createServer((incoming, response) => {
    const body: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => body.push(chunk));
    incoming.on("end", () => response.end(`${incoming.method} ${incoming.url} ${Buffer.concat(body).toString()}`));
  });
}

/** Starts an SSH server that forwards connections, and records what it is asked for. `"port"` stands for the web server's. */
function serveForwarding(peers: Peers, record: Recorder, webPort: number): Promise<Target> {
  return serve(peers, (connection) => {
    record("ssh: connection");
    connection.on("authentication", (context) => context.accept());
    connection.on("close", () => record("ssh: close"));
    connection.on("tcpip", (accept, reject, info) => {
      record("ssh: forward", { ...info, destPort: info.destPort === webPort ? "port" : info.destPort });
      if (info.destPort !== webPort) return reject();
      const socket = connect({ port: webPort, host: "127.0.0.1", noDelay: true });
      const channel = accept();
      socket.on("error", () => channel.close());
      channel.on("error", () => socket.destroy());
      channel.on("close", () => socket.destroy());
      socket.pipe(channel).pipe(socket);
    });
  });
}

interface Made extends Peers {
  readonly webPort: number;
  readonly target: Target;
}

/** A case with a web server that is reached through an SSH server. Ends when all connections of the SSH server have closed. */
function overHttp(name: string, use: (implementation: Ssh2, record: Recorder, made: Made) => Promise<void>): Case {
  return {
    name,
    section,
    async run(implementation, record, peers) {
      const webPort = await serveWeb(peers, echo());
      let open = 0;
      let idle: (() => void) | undefined;
      const counted: Recorder = (event, ...values) => {
        if (event === "ssh: connection") open++;
        if (event === "ssh: close" && --open === 0) idle?.();
        // Which side sees the end first is up to the sockets.
        if (event !== "ssh: close") record(event, ...values);
      };
      const target = await serveForwarding(peers, counted, webPort);
      await use(implementation, record, { ...peers, webPort, target });
      if (open > 0) await new Promise<void>((resolve) => (idle = resolve));
      record("all connections closed");
    },
  };
}

/** Resolves with the body of a response, after recording its head. */
async function bodyOf(record: Recorder, response: IncomingMessage): Promise<void> {
  let body = "";
  response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
  await once(response, "end");
  record("response", response.statusCode, body);
}

/** Sends a request, and records its response or error. */
function fetch(record: Recorder, options: RequestOptions, send: typeof get = get): Promise<void> {
  return new Promise((resolve) => {
    send(options, (response) => resolve(bodyOf(record, response))).on("error", (error) =>
      resolve(record("error", error)),
    );
  });
}

function agentOf(implementation: Ssh2, target: Target, options?: object): Agent {
  return new implementation.HTTPAgent(target, options as never);
}

export const cases: readonly Case[] = [
  overHttp("HTTPAgent: a request through a server", async (implementation, record, { target, webPort }) => {
    const agent = agentOf(implementation, target);
    await fetch(record, { host: "localhost", port: webPort, path: "/a", agent });
    agent.destroy();
  }),
  overHttp("HTTPAgent: a request with a body, and an address of its own", async (implementation, record, made) => {
    const agent = agentOf(implementation, made.target, { srcIP: "192.0.2.7" });
    const post = request({ host: "127.0.0.1", port: made.webPort, path: "/b", method: "POST", agent });
    const response = once(post, "response") as Promise<[IncomingMessage]>;
    post.end("x".repeat(100));
    await bodyOf(record, (await response)[0]);
    agent.destroy();
  }),
  overHttp("HTTPAgent: a connection for each request", async (implementation, record, { target, webPort }) => {
    const agent = agentOf(implementation, target);
    for (const path of ["/1", "/2"])
      await fetch(record, { host: "localhost", port: webPort, path, agent, headers: { connection: "close" } });
    agent.destroy();
  }),
  overHttp(
    "HTTPAgent: a connection that is kept for the next request",
    async (implementation, record, { target, webPort }) => {
      const agent = agentOf(implementation, target, { keepAlive: true, maxSockets: 1 });
      for (const path of ["/1", "/2"]) {
        await fetch(record, { host: "localhost", port: webPort, path, agent });
        await new Promise((resolve) => setImmediate(resolve));
      }
      agent.destroy();
    },
  ),
  overHttp("HTTPAgent: the methods of a socket", async (implementation, record, { target, webPort }) => {
    const agent = agentOf(implementation, target);
    const sent = get({ host: "localhost", port: webPort, path: "/", agent, localAddress: "192.0.2.8", timeout: 5000 });
    sent.setNoDelay(true);
    sent.setSocketKeepAlive(true);
    const [socket] = (await once(sent, "socket")) as [Socket];
    for (const name of ["setKeepAlive", "setNoDelay", "setTimeout", "ref", "unref", "destroySoon", "destroy"] as const)
      record(name, typeof socket[name], name.startsWith("destroy") || socket[name](1 as never) === undefined);
    await bodyOf(record, ((await once(sent, "response")) as [IncomingMessage])[0]);
    agent.destroy();
  }),
  overHttp("HTTPAgent: a forward that is refused", async (implementation, record, { target }) => {
    await fetch(record, { host: "localhost", port: 1, agent: agentOf(implementation, target) });
  }),
  overHttp("HTTPAgent: a request that is aborted", async (implementation, record, { target, webPort }) => {
    const sent = get({ host: "localhost", port: webPort, path: "/", agent: agentOf(implementation, target) });
    const failed = new Promise((resolve) => sent.on("close", resolve));
    sent.on("error", (error) => record("error", error));
    sent.once("socket", () => sent.destroy(new Error("aborted")));
    await failed;
  }),
  {
    name: "HTTPAgent: a login that fails",
    section,
    async run(implementation, record, peers) {
      const target = await serve(peers, (connection) => connection.on("authentication", (context) => context.reject()));
      await fetch(record, { host: "localhost", port: 80, agent: agentOf(implementation, target) });
    },
  },
  {
    name: "HTTPAgent: a server that closes the connection",
    section,
    async run(implementation, record, peers) {
      const target = await serveSockets(peers, (socket) => socket.destroy());
      const { error } = await new Promise<{ error: Error }>((resolve) => {
        const sent = get({ host: "localhost", port: 80, agent: agentOf(implementation, target) });
        sent.on("error", (one) => resolve({ error: one }));
      });
      record("failed", error instanceof Error);
    },
  },
  {
    name: "HTTPAgent: nothing listens",
    section,
    async run(implementation, record, peers) {
      const target = await serveAnybody(peers);
      const agent = agentOf(implementation, { ...target, port: 1 });
      await fetch(record, { host: "localhost", port: 80, agent });
    },
  },
  {
    name: "HTTPAgent: options of connect that are wrong",
    section,
    run(implementation, record) {
      const agent = agentOf(implementation, { host: "127.0.0.1", port: 1 } as Target);
      try {
        get({ host: "localhost", port: 80, agent }).on("error", (error) => record("error", error));
      } catch (error) {
        record("thrown", error);
      }
      return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    },
  },
  {
    name: "HTTPSAgent: a request through a server",
    section,
    async run(implementation, record, peers) {
      const secure = createTlsServer(certificate, (incoming, response) => response.end(`secure ${incoming.url}`));
      const webPort = await serveWeb(peers, secure);
      const target = await serveForwarding(
        peers,
        (event, ...values) => event !== "ssh: close" && record(event, ...values),
        webPort,
      );
      const agent = new implementation.HTTPSAgent(target, { ca: certificate.cert });
      await fetch(record, { host: "localhost", port: webPort, path: "/c", agent }, getOverTls);
      agent.destroy();
    },
  },
  {
    name: "HTTPSAgent: a certificate that is not trusted",
    section,
    async run(implementation, record, peers) {
      const webPort = await serveWeb(
        peers,
        createTlsServer(certificate, (_incoming, response) => response.end()),
      );
      const target = await serveForwarding(
        peers,
        (event, ...values) => event !== "ssh: close" && record(event, ...values),
        webPort,
      );
      const agent = new implementation.HTTPSAgent(target, {});
      await fetch(record, { host: "localhost", port: webPort, agent }, getOverTls);
    },
  },
];
