import type { Socket } from "node:net";
import type { AuthContext, Client, ConnectConfig, Connection, ServerChannel, Session, SFTPWrapper } from "ssh2";
import type { Case } from "../case.ts";
import { served, watch } from "../serving.ts";
import { uncaughtInto } from "../uncaught.ts";

const section = "exceptions of the program: server";

function fail(): never {
  throw new Error("from the program");
}

/** Makes a server throw in one of its calls into the program. */
interface Kind {
  /** Gets each connection. */
  readonly serve?: (connection: Connection) => unknown;
  /** What the client does once it is ready. */
  readonly ready?: (client: Client) => unknown;
  readonly config?: ConnectConfig;
  /** Whether the exception is an uncaught one. Then the case is over. */
  readonly isUncaught?: boolean;
}

const run = (client: Client): unknown => client.exec("true", () => {});

function inSession(use: (session: Session) => unknown, ready: Kind["ready"] = run): Kind {
  return { serve: (connection) => connection.on("session", (accept) => use(accept())), ready };
}

function inChannel(use: (channel: ServerChannel) => unknown, ready: Kind["ready"] = run): Kind {
  return inSession((session) => session.on("exec", (accept) => use(accept())), ready);
}

function inSftp(use: (sftp: SFTPWrapper) => unknown): Kind {
  return inSession(
    (session) => session.on("sftp", (accept) => use(accept())),
    (client) => client.sftp((_error, sftp) => sftp?.stat("file", () => {})),
  );
}

const inAuthentication = (use: (context: AuthContext) => unknown, config: ConnectConfig = {}): Kind => ({
  serve: (connection) => connection.removeAllListeners("authentication").on("authentication", use),
  config,
});

const KINDS: Readonly<Record<string, Kind>> = {
  connection: { serve: fail },
  authentication: inAuthentication(fail),
  "authentication, after accept()": inAuthentication((context) => {
    context.accept();
    fail();
  }),
  "the responses to a prompt": inAuthentication(
    (context) => {
      if (context.method === "keyboard-interactive") context.prompt("word: ", fail);
      else context.reject(["keyboard-interactive"]);
    },
    { tryKeyboard: true },
  ),
  handshake: { serve: (connection) => connection.on("handshake", fail) },
  ready: { serve: (connection) => connection.on("ready", fail) },
  session: { serve: (connection) => connection.on("session", fail), ready: run },
  request: {
    serve: (connection) => connection.on("request", fail),
    ready: (client) => client.forwardIn("a", 1, () => {}),
  },
  tcpip: {
    serve: (connection) => connection.on("tcpip", fail),
    ready: (client) => client.forwardOut("a", 1, "b", 2, () => {}),
  },
  exec: inSession((session) => session.on("exec", fail)),
  "exec, after accept()": inSession((session) => {
    session.on("exec", (accept) => {
      accept();
      fail();
    });
  }),
  env: inSession(
    (session) => session.on("env", fail),
    (client) => client.exec("true", { env: { A: "b" } }, () => {}),
  ),
  pty: inSession(
    (session) => session.on("pty", fail),
    (client) => client.shell(() => {}),
  ),
  sftp: inSession(
    (session) => session.on("sftp", fail),
    (client) => client.sftp(() => {}),
  ),
  "ready of SFTP": inSftp((sftp) => sftp.on("ready", fail)),
  "a request of SFTP": inSftp((sftp) => sftp.on("STAT", fail)),
  "a request of SFTP, after its reply": inSftp((sftp) => {
    sftp.on("STAT", (id) => {
      sftp.status(id, 0);
      fail();
    });
  }),
  "the callback of a channel": {
    serve: (connection) => connection.on("ready", () => connection.forwardOut("a", 1, "b", 2, fail)),
  },
  "close of a session": inSession(
    (session) => session.on("close", fail).on("exec", (accept) => void accept()),
    (client) => client.exec("true", (_error, channel) => channel?.close()),
  ),
  "end of a channel": {
    ...inChannel(
      (channel) => channel.resume().on("end", fail),
      (client) => client.exec("true", (_error, channel) => channel?.end()),
    ),
    isUncaught: true,
  },
  end: {
    serve: (connection) => connection.on("end", fail),
    ready: (client) => client.end(),
    isUncaught: true,
  },
  close: {
    serve: (connection) => connection.on("close", fail),
    ready: (client) => client.end(),
    isUncaught: true,
  },
  "ready after end()": {
    serve: (connection) => {
      connection.on("ready", () => {
        connection.end();
        fail();
      });
    },
  },
  "ready without a listener for the error": {
    serve: (connection) => connection.removeAllListeners("error").on("ready", fail),
    isUncaught: true,
  },
};

export const cases: readonly Case[] = Object.entries(KINDS).map(([name, kind]) => ({
  name,
  section,
  async run(ssh2, record, peers) {
    const uncaught = uncaughtInto(record, peers);
    let closed!: () => void;
    const over = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const { connecting } = await served(ssh2, peers, (connection) => {
      const { _sock: socket } = connection as unknown as { _sock: Socket };
      peers.after(() => socket.destroy());
      watch(connection, ["error", "end", "close"], record);
      connection.on("close", closed).on("authentication", (context) => context.accept());
      kind.serve?.(connection);
    });
    const client = connecting(kind.config);
    client.on("keyboard-interactive", (_name, _text, _language, _prompts, finish) => finish(["word"]));
    client.on("ready", () => kind.ready?.(client));
    await (kind.isUncaught === true ? uncaught : over);
  },
}));
