import type { Socket } from "node:net";
import type { Client, ConnectConfig, Connection, ServerConfig, SFTPWrapper } from "ssh2";
import type { Case, Recorder } from "../case.ts";
import { closed, serve, watch } from "../client-peers.ts";
import { uncaughtInto } from "../uncaught.ts";

const section = "exceptions of the program: client";

function fail(): never {
  throw new Error("from the program");
}

const THROWN = ["error", { error: "from the program" }];
const BANNER = [["connect"], ["banner", "Welcome\r\n"], THROWN];
const READY = [["connect"], ["ready"], THROWN];
const END = [["end"], ["close"]];

/** Makes a client throw in one of its calls into the program. `begin` runs before `connect`, and `ready` in the event "ready". */
interface Kind {
  readonly begin?: (client: Client) => unknown;
  readonly ready?: (client: Client, record: Recorder) => unknown;
  readonly config?: Partial<ConnectConfig>;
  /** Whether the exception is an uncaught one. Then the case is over. */
  readonly isUncaught?: boolean;
}

/** A kind that throws in an event of the client. */
const inEvent = (event: string, ready: Kind["ready"] = (client) => client.end(), config = {}): Kind => ({
  begin: (client) => client.on(event as "ready", fail),
  ready,
  config,
});

const inSftp = (use: (sftp: SFTPWrapper, record: Recorder) => unknown): Kind => ({
  ready: (client, record) => client.sftp((_error, sftp) => use(sftp, record)),
});

const inChannel = (event: string, command: string): Kind => ({
  ready: (client) => client.exec(command, (_error, channel) => channel.resume().on(event, fail)),
});

/** Throws in the second chunk of a channel: the first one waits for the listener, and is passed on later. */
function failOnSecond(client: Client): void {
  client.exec("echo", (_error, channel) => {
    channel.once("data", () => {
      channel.on("data", fail).write("second");
    });
    channel.write("first");
  });
}

const KINDS: Readonly<Record<string, Kind>> = {
  greeting: inEvent("greeting"),
  handshake: inEvent("handshake"),
  ready: inEvent("ready", () => {}),
  "keyboard-interactive": inEvent("keyboard-interactive", undefined, { tryKeyboard: true, username: "asks" }),
  "tcp connection": inEvent("tcp connection", (client) => client.forwardIn("127.0.0.1", 80, () => {})),
  end: { ...inEvent("end"), isUncaught: true },
  close: { ...inEvent("close"), isUncaught: true },
  hostVerifier: { config: { hostVerifier: fail } },
  authHandler: { config: { authHandler: fail } },
  "the prompt of authHandler": {
    config: { authHandler: [{ type: "keyboard-interactive", username: "asks", prompt: fail }] as never },
  },
  "the callback of exec": { ready: (client) => client.exec("true", fail) },
  "the callback of a refused exec": { ready: (client) => client.exec("refuse", fail) },
  "the callback of shell": { ready: (client) => client.shell(fail) },
  "the callback of subsys": { ready: (client) => client.subsys("other", fail) },
  "the callback of sftp": { ready: (client) => client.sftp(fail) },
  "the callback of forwardOut": { ready: (client) => client.forwardOut("a", 1, "b", 2, fail) },
  "the callback of forwardIn": { ready: (client) => client.forwardIn("127.0.0.1", 80, fail) },
  "the callback of an SFTP call": inSftp((sftp) => sftp.stat("file", fail)),
  "the callback of a refused SFTP call": inSftp((sftp) => sftp.unlink("file", fail)),
  "the callback of readFile": inSftp((sftp) => sftp.readFile("file", fail)),
  "open of a read stream": inSftp((sftp) => sftp.createReadStream("file").on("open", fail)),
  "data of a read stream": inSftp((sftp) => sftp.createReadStream("file").on("data", fail)),
  "a read stream without a listener for its error": inSftp((sftp) => sftp.createReadStream("none")),
  "open of a write stream": inSftp((sftp) => sftp.createWriteStream("file").on("open", fail)),
  "the callback of a write stream": inSftp((sftp) => sftp.createWriteStream("file").write("abc", fail)),
  "exit of a channel": inChannel("exit", "exit"),
  "data of a channel": { ready: failOnSecond },
  "data of a channel, on a later tick": { ...inChannel("data", "echo"), isUncaught: true },
  "end of a channel": { ...inChannel("end", "end"), isUncaught: true },
  "close of a channel": { ...inChannel("close", "end"), isUncaught: true },
  "a step of fastPut": inSftp((sftp) => sftp.fastPut(import.meta.filename, "file", { step: fail }, () => {})),
  "a step of fastGet, which comes from the disk": {
    ...inSftp((sftp) => sftp.fastGet("file", "/dev/null", { step: fail }, () => {})),
    isUncaught: true,
  },
  "ready after end()": {
    ready: (client) => {
      client.end();
      fail();
    },
  },
  "ready without a listener for the error": {
    ...inEvent("ready", () => {}),
    begin: (client) => client.removeAllListeners("error").on("ready", fail),
    isUncaught: true,
  },
  "ready, and in the error": {
    begin: (client) => client.on("error", fail).on("ready", fail),
    isUncaught: true,
  },
  timeout: {
    begin: (client) => client.on("timeout", fail),
    ready: (client) => {
      const { _sock: socket } = client as unknown as { _sock: Socket };
      setImmediate(() => socket.emit("timeout"));
    },
    isUncaught: true,
  },
};

function serveAll(connection: Connection): void {
  connection.on("authentication", (context) => {
    if (context.method === "keyboard-interactive") context.prompt("word: ", () => context.accept());
    else if (context.username === "asks") context.reject(["keyboard-interactive"]);
    else context.accept();
  });
  connection.on("session", (acceptSession) => {
    const session = acceptSession();
    session.on("pty", (accept) => accept?.());
    session.on("exec", (accept, reject, { command }) => {
      if (command === "refuse") return reject();
      const channel = accept();
      if (command === "echo") channel.write("early");
      if (command === "echo") channel.pipe(channel);
      if (command === "exit") channel.exit(0);
      if (command === "end") channel.end();
    });
    session.on("shell", (accept) => accept());
    session.on("subsystem", (accept) => accept());
    session.on("sftp", (accept) => {
      const sftp = accept();
      sftp.on("OPEN", (id, path) => (path === "none" ? sftp.status(id, 2) : sftp.handle(id, Buffer.from("h"))));
      sftp.on("READ", (id) => sftp.data(id, Buffer.from("abc")));
      sftp.on("WRITE", (id) => sftp.status(id, 0));
      for (const event of ["FSETSTAT", "SETSTAT"] as const) sftp.on(event, (id: number) => sftp.status(id, 0));
      sftp.on("CLOSE", (id) => sftp.status(id, 0));
      for (const event of ["STAT", "FSTAT"] as const)
        sftp.on(event, (id: number) => sftp.attrs(id, { size: 3, mode: 0o100644 } as never));
      sftp.on("REMOVE", (id) => sftp.status(id, 4));
    });
  });
  connection.on("tcpip", (accept) => void accept());
  connection.on("request", (accept) => {
    accept?.();
    connection.forwardOut("127.0.0.1", 80, "b", 2, () => {});
  });
}

/** Runs a client that throws. */
function run(kind: Kind, options?: Partial<ServerConfig>): Case["run"] {
  return async ({ Client }, record, peers) => {
    const uncaught = uncaughtInto(record, peers);
    const target = await serve(peers, serveAll, options);
    const client = new Client();
    watch(client, record, peers);
    const over = kind.isUncaught === true ? uncaught : closed(client);
    client.on("ready", () => kind.ready?.(client, record));
    kind.begin?.(client);
    client.connect({ ...target, ...kind.config });
    await over;
  };
}

export const cases: readonly Case[] = [
  ...Object.entries(KINDS).map(([name, kind]) => ({ name, section, run: run(kind, { greeting: "Hello" }) })),
  {
    name: "banner",
    section,
    run: run(
      inEvent("banner", () => {}),
      { banner: "Welcome" },
    ),
    differs: "messages after an exception",
    // The server answers the login request that was sent before.
    expected: { ssh2: [...BANNER, ["ready"], ...END], nacre: [...BANNER, ...END] },
  },
  {
    name: "open of a stream that is watched",
    section,
    run: run(
      inSftp((sftp, record) => {
        const stream = sftp.createReadStream("file").on("open", fail);
        for (const event of ["ready", "error", "end", "close"]) stream.on(event, () => record(`stream ${event}`));
      }),
    ),
    differs: "a stream whose listener throws",
    expected: { ssh2: [...READY, ...END], nacre: [...READY, ["stream close"], ...END] },
  },
];
