import type { Client, SFTPWrapper } from "ssh2";
import type { Case, Peers, Recorder, Ssh2 } from "../case.ts";
import { called, happened, journal, loggedIn, watch } from "../serving.ts";

/** SFTP of a server, with its events by name: `@types/ssh2` has other types for each. */
type ServerSftp = SFTPWrapper & NodeJS.EventEmitter & Replies;

interface Replies {
  handle(id: number, handle: unknown): void;
  status(id: number, code: unknown, message?: string): void;
  data(id: number, data: unknown, encoding?: string): void;
  name(id: number, names: unknown): void;
  attrs(id: number, attributes: unknown): void;
}

/** Answers a request, whose values follow its number. */
type Answer = (sftp: ServerSftp, id: number, ...values: unknown[]) => void;

const EVENTS = [
  "OPEN",
  "CLOSE",
  "READ",
  "WRITE",
  "LSTAT",
  "FSTAT",
  "SETSTAT",
  "FSETSTAT",
  "OPENDIR",
  "READDIR",
  "REMOVE",
  "MKDIR",
  "RMDIR",
  "REALPATH",
  "STAT",
  "RENAME",
  "READLINK",
  "SYMLINK",
  "EXTENDED",
] as const;

const ok: Answer = (sftp, id) => sftp.status(id, 0);

/** Opens SFTP to a server that notes every request and answers those named. The others have no listener. */
async function open(
  ssh2: Ssh2,
  peers: Peers,
  answers: Readonly<Partial<Record<(typeof EVENTS)[number], Answer>>>,
  note: Recorder,
): Promise<{ readonly client: Client; readonly sftp: SFTPWrapper; readonly server: ServerSftp }> {
  let server: ServerSftp | undefined;
  const { client } = await loggedIn(ssh2, peers, (connection) => {
    connection.on("session", (accept) => {
      accept().on("sftp", (acceptSftp) => {
        server = acceptSftp() as unknown as ServerSftp;
        const one = server;
        watch(one, ["ready", "error", "end", "close"], note);
        for (const [event, answer] of Object.entries(answers))
          one.on(event, (id: number, ...values: unknown[]) => {
            note(event, id, ...values);
            answer(one, id, ...values);
          });
      });
    });
  });
  const [error, sftp] = await called((done) => client.sftp(done));
  if (error !== undefined) throw error as Error;
  return { client, sftp: sftp as SFTPWrapper, server: server! };
}

type Answers = Readonly<Partial<Record<(typeof EVENTS)[number], Answer>>>;

/** Returns a case that records the requests of a client and what its callbacks get. */
function sftp(
  name: string,
  answers: Answers,
  run: (sftp: SFTPWrapper, record: Recorder, server: ServerSftp, client: Client) => Promise<void>,
): Case {
  return {
    name,
    section: "server sftp",
    async run(ssh2, record, peers) {
      const side = journal();
      const one = await open(ssh2, peers, answers, side.note);
      await run(one.sftp, record, one.server, one.client);
      record("server", side.events);
    },
  };
}

const ask = (call: (done: never) => unknown): Promise<unknown[]> => called((done) => call(done as never));

function thrown(call: () => void): unknown {
  try {
    call();
    return "sent";
  } catch (error) {
    return error;
  }
}

const HANDLE = Buffer.from([0, 255, 7, 0]);
const ATTRIBUTES = {
  mode: 0o100640,
  uid: 1000,
  gid: 100,
  size: 5_000_000_000,
  atime: 1_700_000_000,
  mtime: 1_700_000_001,
};

export const cases: readonly Case[] = [
  sftp(
    "opens, reads and closes a file with the application's handle",
    {
      OPEN: (one, id) => one.handle(id, HANDLE),
      READ: (one, id, _handle, offset) => (offset === 0 ? one.data(id, Buffer.from("content")) : one.status(id, 1)),
      CLOSE: ok,
    },
    async (client, record) => {
      record("open", ...(await ask((done) => client.open("/ä/file", "r", done))));
      const target = Buffer.alloc(10);
      record("read", ...(await ask((done) => client.read(HANDLE, target, 1, 9, 0, done))));
      record("end", ...(await ask((done) => client.read(HANDLE, target, 0, 9, 7, done))));
      record("close", ...(await ask((done) => client.close(HANDLE, done))));
    },
  ),
  sftp(
    "gets the flags and attributes of opens",
    { OPEN: (one, id) => one.handle(id, Buffer.from("h")) },
    async (client, record) => {
      for (const flags of ["r", "r+", "w", "wx", "w+", "a", "ax", "a+"])
        record(flags, ...(await ask((done) => client.open("f", flags as never, 0o600, done))));
      record("attrs", ...(await ask((done) => client.open("f", "w", { mode: 0o640, size: 3 } as never, done))));
    },
  ),
  sftp(
    "gets writes with their offsets",
    { WRITE: (one, id, _handle, offset) => one.status(id, offset === 7 ? 4 : 0) },
    async (client, record) => {
      const data = Buffer.from("0123456789");
      record("write", ...(await ask((done) => client.write(HANDLE, data, 2, 5, 4_294_967_296 * 3, done))));
      record("failure", ...(await ask((done) => client.write(HANDLE, data, 0, 10, 7, done))));
    },
  ),
  sftp(
    "sends data as text in an encoding",
    {
      READ(one, id, _handle, offset) {
        if (offset === 0) one.data(id, "gr\u00fcn");
        else if (offset === 1) one.data(id, "00ff10", "hex");
        else one.data(id, "AQID", "base64");
      },
    },
    async (client, record) => {
      for (const position of [0, 1, 2]) {
        const target = Buffer.alloc(8);
        record("read", ...(await ask((done) => client.read(HANDLE, target, 0, 8, position, done))));
      }
    },
  ),
  sftp(
    "sends attributes",
    {
      STAT: (one, id) => one.attrs(id, ATTRIBUTES),
      LSTAT: (one, id) => one.attrs(id, { mode: 0o120777 }),
      FSTAT: (one, id) => one.attrs(id, { size: 3, uid: 1, atime: new Date(5000), mtime: 6 }),
    },
    async (client, record) => {
      record("stat", ...(await ask((done) => client.stat("/a", done))));
      record("lstat", ...(await ask((done) => client.lstat("/b", done))));
      record("fstat", ...(await ask((done) => client.fstat(HANDLE, done))));
    },
  ),
  sftp("gets changes of attributes", { SETSTAT: ok, FSETSTAT: ok }, async (client, record) => {
    record("chmod", ...(await ask((done) => client.chmod("/a", 0o755, done))));
    record("chown", ...(await ask((done) => client.chown("/a", 1, 2, done))));
    record("utimes", ...(await ask((done) => client.utimes("/a", 10, new Date(20_000), done))));
    record("setstat", ...(await ask((done) => client.setstat("/a", ATTRIBUTES, done))));
    record("fchmod", ...(await ask((done) => client.fchmod(HANDLE, "644", done))));
    record("fsetstat", ...(await ask((done) => client.fsetstat(HANDLE, { size: 0 }, done))));
  }),
  {
    name: "lists a directory",
    section: "server sftp",
    async run(ssh2, record, peers) {
      const side = journal();
      let reads = 0;
      const { sftp: client } = await open(
        ssh2,
        peers,
        {
          OPENDIR: (one, id) => one.handle(id, HANDLE),
          READDIR(one, id) {
            if (reads++ > 1) return one.status(id, 1, "no more");
            one.name(id, [
              { filename: `a${reads}`, longname: "-rw-r--r-- a", attrs: ATTRIBUTES },
              { filename: "ü", longname: "" },
              { longname: "no name" },
            ]);
          },
          CLOSE: ok,
        },
        side.note,
      );
      record("readdir", ...(await ask((done) => client.readdir("/dir", done))));
      record("server", side.events);
    },
  },
  sftp(
    "gets the requests that change directories",
    {
      MKDIR: ok,
      RMDIR: ok,
      REMOVE: ok,
      RENAME: (one, id) => one.status(id, 3, "not yours"),
    },
    async (client, record) => {
      record("mkdir", ...(await ask((done) => client.mkdir("/d", { mode: 0o700 } as never, done))));
      record("mkdir", ...(await ask((done) => client.mkdir("/d", done))));
      record("rmdir", ...(await ask((done) => client.rmdir("/d", done))));
      record("unlink", ...(await ask((done) => client.unlink("/f", done))));
      record("rename", ...(await ask((done) => client.rename("/old", "/new", done))));
    },
  ),
  sftp(
    "gets the requests of links, and answers with a path",
    {
      REALPATH: (one, id) => one.name(id, { filename: "/home/alice", longname: "", attrs: {} }),
      READLINK: (one, id) => one.name(id, [{ filename: "../target" }]),
      SYMLINK: ok,
    },
    async (client, record) => {
      record("realpath", ...(await ask((done) => client.realpath(".", done))));
      record("readlink", ...(await ask((done) => client.readlink("/link", done))));
      record("symlink", ...(await ask((done) => client.symlink("target", "link", done))));
    },
  ),
  sftp(
    "sends every status, with and without a message",
    { REMOVE: (one, id, path) => one.status(id, Number(path), Number(path) % 2 === 0 ? "own text" : undefined) },
    async (client, record) => {
      for (let code = 0; code <= 8; code++)
        record(`${code}`, ...(await ask((done) => client.unlink(String(code), done))));
    },
  ),
  sftp("refuses requests without a listener", {}, async (client, record) => {
    const target = Buffer.alloc(1);
    const calls: ((done: never) => unknown)[] = [
      (done) => client.open("a", "r", done),
      (done) => client.close(HANDLE, done),
      (done) => client.read(HANDLE, target, 0, 1, 0, done),
      (done) => client.write(HANDLE, target, 0, 1, 0, done),
      (done) => client.lstat("a", done),
      (done) => client.fstat(HANDLE, done),
      (done) => client.setstat("a", {}, done),
      (done) => client.fsetstat(HANDLE, {}, done),
      (done) => client.opendir("a", done),
      (done) => client.readdir(HANDLE, done),
      (done) => client.unlink("a", done),
      (done) => client.mkdir("a", done),
      (done) => client.rmdir("a", done),
      (done) => client.realpath("a", done),
      (done) => client.stat("a", done),
      (done) => client.rename("a", "b", done),
      (done) => client.readlink("a", done),
      (done) => client.symlink("a", "b", done),
    ];
    for (const call of calls) record("refused", ...(await ask(call)));
  }),
  sftp(
    "gets requests of extensions that it did not announce",
    { EXTENDED: (one, id, name) => one.status(id, name === "hardlink@openssh.com" ? 0 : 8) },
    async (client, record) => {
      const extensions = (client as unknown as { readonly _extensions: Record<string, string> })._extensions;
      record("announced", extensions);
      Object.assign(extensions, {
        "hardlink@openssh.com": "1",
        "fsync@openssh.com": "1",
        "posix-rename@openssh.com": "1",
      });
      record("hardlink", ...(await ask((done) => client.ext_openssh_hardlink("/a", "/b", done))));
      record("fsync", ...(await ask((done) => client.ext_openssh_fsync(HANDLE, done))));
      record("rename", ...(await ask((done) => client.ext_openssh_rename("/a", "/b", done))));
    },
  ),
  {
    name: "sends replies in the order of the answers",
    section: "server sftp",
    async run(ssh2, record, peers) {
      const waiting: (() => void)[] = [];
      const { sftp: client } = await open(
        ssh2,
        peers,
        {
          STAT(one, id, path) {
            waiting.push(() => one.attrs(id, { size: Number(path) }));
            if (waiting.length === 4) for (const answer of waiting.toReversed()) answer();
          },
        },
        () => {},
      );
      const order: unknown[] = [];
      await Promise.all(
        [1, 2, 3, 4].map(async (n) => {
          const [error, stats] = await ask((done) => client.stat(String(n), done));
          order.push([error, (stats as { readonly size: number }).size]);
        }),
      );
      record("order", order);
    },
  },
  sftp(
    "throws for invalid replies",
    {
      STAT(one, id) {
        const errors = [
          thrown(() => one.handle(id, "text")),
          thrown(() => one.handle(id, Buffer.alloc(257))),
          thrown(() => one.status(id, 9)),
          thrown(() => one.status(id, "OK")),
          thrown(() => one.data(id, 5)),
          thrown(() => one.name(id, "name")),
          thrown(() => one.attrs(id, undefined)),
          thrown(() => one.attrs(id, { mode: "no mode" })),
        ];
        one.status(id, 4, JSON.stringify(errors.map((error) => (error as Error).message)));
      },
    },
    async (client, record) => {
      record("errors", ...(await ask((done) => client.stat("/a", done))));
    },
  ),
  sftp(
    "takes handles of up to 256 bytes",
    {
      OPEN: (one, id, path) => one.handle(id, Buffer.alloc(Number(path), 7)),
      FSTAT: (one, id, handle) => one.attrs(id, { size: (handle as Buffer).length }),
    },
    async (client, record) => {
      for (const length of [1, 255, 256]) {
        const [, handle] = await ask((done) => client.open(String(length), "r", done));
        record("size", length, ...(await ask((done) => client.fstat(handle as Buffer, done))));
      }
    },
  ),
  sftp("ends when the client ends it", {}, async (client, record, server) => {
    const closed = happened(server, "close");
    client.end();
    await closed;
    record("readable", (server as unknown as { readonly readable: boolean }).readable);
  }),
  sftp("ends what the server ends", { STAT: (one) => one.end() }, async (client, record) => {
    const side = journal();
    watch(client, ["end", "close"], side.note);
    const closed = happened(client, "close");
    record("stat", ...(await ask((done) => client.stat("/a", done))));
    await closed;
    record("client", side.events);
  }),
  sftp(
    "sends replies of other kinds than the request's",
    {
      OPEN: ok,
      STAT: ok,
      READDIR: (one, id) => one.name(id, []),
      READ: (one, id) => one.data(id, Buffer.alloc(0)),
    },
    async (client, record) => {
      record("open", ...(await ask((done) => client.open("/a", "r", done))));
      record("stat", ...(await ask((done) => client.stat("/a", done))));
      record("readdir", ...(await ask((done) => client.readdir(HANDLE, done))));
      record("read", ...(await ask((done) => client.read(HANDLE, Buffer.alloc(3), 0, 3, 0, done))));
    },
  ),
  {
    name: "carries files with many requests in flight",
    section: "server sftp",
    async run(ssh2, record, peers) {
      const file = Buffer.alloc(1_500_000);
      const source = Buffer.from(Array.from({ length: file.length }, (_, i) => (i * 7) & 0xff));
      const { sftp: client } = await open(
        ssh2,
        peers,
        {
          OPEN: (one, id) => one.handle(id, HANDLE),
          FSTAT: (one, id) => one.attrs(id, { size: source.length, mode: 0o100644 }),
          READ(one, id, _handle, offset, length) {
            const piece = source.subarray(Number(offset), Number(offset) + Number(length));
            setImmediate(() => (piece.length === 0 ? one.status(id, 1) : one.data(id, piece)));
          },
          WRITE(one, id, _handle, offset, data) {
            (data as Buffer).copy(file, Number(offset));
            setImmediate(() => one.status(id, 0));
          },
          FSETSTAT: ok,
          SETSTAT: ok,
          CLOSE: ok,
        },
        () => {},
      );
      const local = `${peers.folder}/file`;
      record("fastGet", ...(await ask((done) => client.fastGet("/file", local, done))));
      record("fastPut", ...(await ask((done) => client.fastPut(local, "/file", done))));
      record("equal", file.equals(source));
    },
  },
  {
    name: "prefers a listener for SFTP to one for subsystems",
    section: "server sftp",
    async run(ssh2, record, peers) {
      for (const events of [["subsystem"], ["subsystem", "sftp"]]) {
        const { client } = await loggedIn(ssh2, peers, (connection) => {
          connection.on("session", (accept) => {
            const session = accept() as unknown as NodeJS.EventEmitter;
            for (const event of events)
              session.on(event, (_accept: unknown, reject: () => void, info: unknown) => {
                record(event, info);
                reject();
              });
          });
        });
        record("refused", ...(await ask((done) => client.sftp(done))));
      }
    },
  },
];
