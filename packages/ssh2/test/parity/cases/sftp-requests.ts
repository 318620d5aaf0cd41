import type { SFTPWrapper } from "ssh2";
import type { Case, Peers, Recorder, Ssh2 } from "../case.ts";
import {
  type Answers,
  call,
  EOF,
  FAILURE,
  NO_SUCH_FILE,
  OK,
  openSftp,
  pattern,
  thrown,
  untyped,
} from "../sftp-peers.ts";

const section = "sftp";
const HANDLE = Buffer.from([0, 1, 255, 0]);

/** A case with one SFTP and answers. */
function request(
  name: string,
  answers: Answers,
  run: (sftp: SFTPWrapper, record: Recorder) => Promise<void> | void,
): Case {
  return {
    name,
    section,
    async run(ssh2: Ssh2, record: Recorder, peers: Peers) {
      const { sftp } = await openSftp(ssh2, record, peers, answers);
      await run(sftp, record);
      record("end of the case");
    },
  };
}

const ok: Answers[string] = (reply) => reply.status(OK);

/** Methods with a path alone, with what they need of the server. */
const PATHS = ["stat", "lstat", "opendir", "readdir", "unlink", "rmdir", "mkdir", "readlink", "realpath"] as const;
const HANDLES = ["close", "fstat"] as const;

export const cases: readonly Case[] = [
  request("open with each text of flags", { OPEN: (reply) => reply.handle("h") }, async (sftp, record) => {
    for (const flags of ["r", "r+", "w", "wx", "xw", "w+", "wx+", "xw+", "a", "ax", "xa", "a+", "ax+", "xa+"] as const)
      await call(record, flags, (done) => sftp.open("file", flags as "r", done));
    await call(record, "number", (done) => sftp.open("file", 0x2a, done));
  }),
  request("open with attributes", { OPEN: (reply) => reply.handle(HANDLE) }, async (sftp, record) => {
    await call(record, "none", (done) => sftp.open("file", "w", done));
    await call(record, "number", (done) => sftp.open("file", "w", 0o640, done));
    await call(record, "octal text", (done) => sftp.open("file", "w", "755", done));
    await call(record, "object", (done) => sftp.open("file", "w", { mode: 0o600, uid: 1, gid: 2 } as never, done));
  }),
  request(
    "open refused with each status",
    {
      OPEN: (reply, path: string) =>
        reply.status(Number(path.slice(1)), path.startsWith("t") ? "text of the server" : ""),
    },
    async (sftp, record) => {
      for (const kind of ["t", "n"])
        for (let code = 1; code <= 8; code++)
          await call(record, `${kind}${code}`, (done) => sftp.open(`${kind}${code}`, "r", done));
    },
  ),
  request("wrong flags, modes and times throw", {}, (sftp, record) => {
    thrown(record, "flags", () => sftp.open("file", "q" as never, () => {}));
    thrown(record, "no flags", () => sftp.open("file", undefined as never, () => {}));
    thrown(record, "mode", () => sftp.open("file", "w", "rw" as never, () => {}));
    thrown(record, "chmod", () => sftp.chmod("file", "x", () => {}));
    thrown(record, "chmod NaN", () => sftp.chmod("file", Number.NaN, () => {}));
    thrown(record, "utimes", () => sftp.utimes("file", "now" as never, 1, () => {}));
    thrown(record, "futimes", () => sftp.futimes(HANDLE, 1, undefined as never, () => {}));
  }),
  request("handles of other types throw", {}, (sftp, record) => {
    const methods = [
      "close",
      "fstat",
      "fsetstat",
      "futimes",
      "fchown",
      "fchmod",
      "read",
      "write",
      "readData",
      "writeData",
    ];
    for (const method of methods)
      for (const handle of ["text", undefined, new Uint8Array(4)])
        thrown(record, method, () => untyped(sftp)[method]!(handle, 1, 2, () => {}));
    thrown(record, "readdir", () => sftp.readdir(5 as never, () => {}));
  }),
  request("paths of other types throw", {}, (sftp, record) => {
    for (const method of PATHS.filter((one) => one !== "readdir"))
      for (const path of [undefined, 5, null, Buffer.from("path")])
        thrown(record, method, () => untyped(sftp)[method]!(path, () => {}));
    thrown(record, "rename", () => sftp.rename("a", undefined as never, () => {}));
    thrown(record, "symlink", () => sftp.symlink("a", {} as never, () => {}));
  }),
  request("ranges outside a buffer throw", {}, (sftp, record) => {
    const buffer = Buffer.alloc(10);
    for (const [offset, length, position] of [
      [10, 0, 0],
      [0, 11, 0],
      [5, 6, 0],
      [11, 0, 0],
      [0, 5, null],
    ] as const)
      for (const method of ["read", "write"] as const)
        thrown(record, `${method} ${offset} ${length}`, () =>
          sftp[method](HANDLE, buffer, offset, length, position as never, () => {}),
        );
    thrown(record, "text", () => sftp.write(HANDLE, "text" as never, 0, 4, 0, () => {}));
    thrown(record, "array", () => sftp.read(HANDLE, new Uint8Array(4) as never, 0, 4, 0, () => {}));
  }),
  request("the requests that are refused by a server without listeners", {}, async (sftp, record) => {
    for (const method of PATHS) await call(record, method, (done) => sftp[method]("path", done));
    for (const method of HANDLES) await call(record, method, (done) => sftp[method](HANDLE, done));
    await call(record, "rename", (done) => sftp.rename("a", "b", done));
    await call(record, "symlink", (done) => sftp.symlink("a", "b", done));
    await call(record, "read", (done) => sftp.read(HANDLE, Buffer.alloc(4), 0, 4, 0, done));
    await call(record, "write", (done) => sftp.write(HANDLE, Buffer.alloc(4), 0, 4, 0, done));
    await call(record, "setstat", (done) => sftp.setstat("a", {}, done));
    await call(record, "fsetstat", (done) => sftp.fsetstat(HANDLE, {}, done));
  }),
  request(
    "stat, lstat and fstat",
    {
      STAT: (reply) =>
        reply.attrs({ mode: 0o100640, uid: 1000, gid: 4_000_000_000, size: 2 ** 40 + 5, atime: 10, mtime: 20 }),
      LSTAT: (reply) => reply.attrs({ mode: 0o120777, size: 0 }),
      FSTAT: (reply) => reply.attrs({}),
    },
    async (sftp, record) => {
      await call(record, "stat", (done) => sftp.stat("file", done));
      await call(record, "lstat", (done) => sftp.lstat("link", done));
      await call(record, "fstat", (done) => sftp.fstat(HANDLE, done));
    },
  ),
  request(
    "the methods of Stats",
    {
      STAT: (reply, path: string) => reply.attrs(path === "none" ? {} : { mode: Number(path) }),
    },
    async (sftp, record) => {
      const types = [0o040755, 0o100644, 0o060600, 0o020600, 0o120777, 0o010600, 0o140755, 0, "none"];
      for (const type of types)
        await new Promise<void>((resolve) => {
          sftp.stat(`${type}`, (error, stats) => {
            const { constructor } = stats;
            record(
              "type",
              type,
              error,
              constructor.name,
              stats.isDirectory(),
              stats.isFile(),
              stats.isBlockDevice(),
              stats.isCharacterDevice(),
              stats.isSymbolicLink(),
              stats.isFIFO(),
              stats.isSocket(),
            );
            resolve();
          });
        });
    },
  ),
  request("setstat and fsetstat", { SETSTAT: ok, FSETSTAT: ok }, async (sftp, record) => {
    const attributes = [
      { size: 5 },
      { mode: "644" },
      { uid: 1, gid: 2, mode: 0o755, size: 2 ** 33, atime: 5, mtime: new Date(7000) },
      { uid: 1 },
      { atime: 1 },
      { other: true },
      {},
    ];
    for (const one of attributes) {
      await call(record, "setstat", (done) => sftp.setstat("file", one, done));
      await call(record, "fsetstat", (done) => sftp.fsetstat(HANDLE, one, done));
    }
    await call(record, "no attributes", (done) =>
      (sftp.setstat as (path: string, done: unknown) => void)("file", done),
    );
  }),
  request("utimes, chown and chmod", { SETSTAT: ok, FSETSTAT: ok }, async (sftp, record) => {
    await call(record, "utimes", (done) => sftp.utimes("file", 1.9, new Date(2500), done));
    await call(record, "futimes", (done) => sftp.futimes(HANDLE, new Date(1000), 3, done));
    await call(record, "chown", (done) => sftp.chown("file", 0, 0xffff_ffff, done));
    await call(record, "fchown", (done) => sftp.fchown(HANDLE, 5, 6, done));
    await call(record, "chmod", (done) => sftp.chmod("file", "0755", done));
    await call(record, "fchmod", (done) => sftp.fchmod(HANDLE, 0o600, done));
  }),
  request("mkdir, rmdir, unlink and rename", { MKDIR: ok, RMDIR: ok, REMOVE: ok, RENAME: ok }, async (sftp, record) => {
    await call(record, "mkdir", (done) => sftp.mkdir("dir", done));
    await call(record, "mkdir", (done) => sftp.mkdir("dir", { mode: 0o700 } as never, done));
    await call(record, "rmdir", (done) => sftp.rmdir("dir", done));
    await call(record, "unlink", (done) => sftp.unlink("file", done));
    await call(record, "rename", (done) => sftp.rename("old", "new", done));
  }),
  request(
    "symlink, readlink and realpath",
    {
      SYMLINK: ok,
      READLINK: (reply) => reply.name("../target"),
      REALPATH: (reply, path: string) => reply.name(`/home/${path}`),
    },
    async (sftp, record) => {
      await call(record, "symlink", (done) => sftp.symlink("target", "link", done));
      await call(record, "readlink", (done) => sftp.readlink("link", done));
      await call(record, "realpath", (done) => sftp.realpath(".", done));
    },
  ),
  request(
    "names that are not ASCII",
    {
      REALPATH: (reply, path: string) => reply.name(path),
      READDIR: (reply) => reply.name("ä", "日本", "😀"),
    },
    async (sftp, record) => {
      for (const path of ["ä/日本", "😀", "", " ", "a\nb"])
        await call(record, "realpath", (done) => sftp.realpath(path, done));
      await call(record, "readdir", (done) => sftp.readdir(HANDLE, done));
    },
  ),
  request(
    "opendir and readdir by handle",
    {
      OPENDIR: (reply) => reply.handle("directory"),
      READDIR: (reply, handle: Buffer) => {
        if (handle.length === 0) reply.status(EOF, "no more");
        else reply.name(".", "..", { filename: "a", longname: "-rw a", attrs: { mode: 0o100644, size: 3 } }, "b");
      },
    },
    async (sftp, record) => {
      await call(record, "opendir", (done) => sftp.opendir("dir", done));
      await call(record, "readdir", (done) => sftp.readdir(HANDLE, done));
      await call(record, "full", (done) => untyped(sftp)["readdir"]!(HANDLE, { full: true }, done));
      await call(record, "not full", (done) => untyped(sftp)["readdir"]!(HANDLE, { full: false }, done));
      await call(record, "end", (done) => sftp.readdir(Buffer.alloc(0), done));
    },
  ),
  request("readdir by path", directory(3), async (sftp, record) => {
    await call(record, "readdir", (done) => sftp.readdir("dir", done));
    await call(record, "full", (done) => untyped(sftp)["readdir"]!("dir", { full: true }, done));
    await call(record, "null", (done) => untyped(sftp)["readdir"]!("dir", null, done));
  }),
  request(
    "readdir of a directory that is missing, fails, or cannot be closed",
    {
      OPENDIR: (reply, path: string) => (path === "missing" ? reply.status(NO_SUCH_FILE) : reply.handle(path)),
      READDIR: (reply, handle: Buffer) =>
        String(handle) === "fails" ? reply.status(FAILURE, "broken") : reply.status(EOF),
      CLOSE: (reply, handle: Buffer) => reply.status(String(handle) === "unclosable" ? FAILURE : OK),
    },
    async (sftp, record) => {
      for (const path of ["missing", "fails", "unclosable", "empty"])
        await call(record, path, (done) => sftp.readdir(path, done));
    },
  ),
  request(
    "exists",
    { STAT: (reply, path: string) => (path === "yes" ? reply.attrs({}) : reply.status(FAILURE)) },
    async (sftp, record) => {
      await call(record, "yes", (done) => sftp.exists("yes", done));
      await call(record, "no", (done) => sftp.exists("no", done));
    },
  ),
  request("a read within the server's limit", reads(100), async (sftp, record) => {
    const buffer = Buffer.alloc(50);
    await call(record, "all", (done) => sftp.read(HANDLE, buffer, 0, 50, 0, done));
    await call(record, "part", (done) => sftp.read(HANDLE, buffer, 10, 20, 7, done));
    await call(record, "last", (done) => sftp.read(HANDLE, buffer, 0, 50, 90, done));
    await call(record, "beyond", (done) => sftp.read(HANDLE, buffer, 3, 5, 100, done));
    await call(record, "readData", (done) => untyped(sftp)["readData"]!(HANDLE, buffer, 0, 5, 2, done));
    await call(record, "no position", (done) => sftp.read(HANDLE, buffer, 0, 5, undefined as never, done));
    record("buffer", buffer);
  }),
  request("a read beyond the server's limit", reads(70_000), async (sftp, record) => {
    const buffer = Buffer.alloc(80_000);
    await call(record, "split", (done) => sftp.read(HANDLE, buffer, 0, 65_536, 0, done));
    await call(record, "beyond the end", (done) => sftp.read(HANDLE, buffer, 100, 65_536, 20_000, done));
    await call(record, "at a limit", (done) => sftp.read(HANDLE, buffer, 0, 31_952, 0, done));
  }),
  request(
    "a read that fails, at once and on its way",
    {
      READ: (reply, _handle: Buffer, offset: number, length: number) =>
        offset < 30_000 ? reply.data(pattern(length)) : reply.status(FAILURE, "disk"),
    },
    async (sftp, record) => {
      await call(record, "at once", (done) => sftp.read(HANDLE, Buffer.alloc(10), 0, 10, 40_000, done));
      await call(record, "on its way", (done) => sftp.read(HANDLE, Buffer.alloc(60_000), 0, 60_000, 0, done));
    },
  ),
  request("writes within and beyond the server's limit", { WRITE: ok }, async (sftp, record) => {
    const buffer = pattern(70_000);
    await call(record, "short", (done) => sftp.write(HANDLE, buffer, 0, 10, 0, done));
    await call(record, "part", (done) => sftp.write(HANDLE, buffer, 5, 10, 2 ** 33, done));
    await call(record, "split", (done) => sftp.write(HANDLE, buffer, 100, 65_536, 50, done));
    await call(record, "writeData", (done) => untyped(sftp)["writeData"]!(HANDLE, buffer, 0, 3, 0, done));
    await call(record, "nothing", (done) => sftp.write(HANDLE, buffer, 0, 0, 0, done));
  }),
  request(
    "a write that fails on its way",
    {
      WRITE: (reply, _handle: Buffer, offset: number) =>
        reply.status(offset === 0 ? OK : FAILURE, offset === 0 ? "" : "full"),
    },
    async (sftp, record) => {
      await call(record, "write", (done) => sftp.write(HANDLE, pattern(70_000), 0, 70_000, 0, done));
    },
  ),
  request(
    "requests without a callback",
    { SETSTAT: ok, WRITE: ok, MKDIR: ok, CLOSE: ok, REALPATH: (reply) => reply.name("/") },
    async (sftp, record) => {
      const any = untyped(sftp);
      any["chmod"]!("file", 0o600);
      any["write"]!(HANDLE, Buffer.from("abc"), 0, 3, 0);
      any["mkdir"]!("dir");
      any["close"]!(HANDLE);
      await call(record, "last", (done) => sftp.realpath(".", done));
    },
  ),
  request(
    "a hundred requests at once are answered in order",
    { STAT: (reply, path: string) => reply.attrs({ size: path.length }) },
    async (sftp, record) => {
      await Promise.all(
        Array.from({ length: 100 }, (_, at) => call(record, `${at}`, (done) => sftp.stat("x".repeat(at), done))),
      );
    },
  ),
  request("each extension that the server lacks throws", {}, (sftp, record) => {
    const any = untyped(sftp);
    const names = ["rename", "statvfs", "fstatvfs", "hardlink", "fsync", "lsetstat", "expandPath"].map(
      (name) => `ext_openssh_${name}`,
    );
    for (const name of [...names, "ext_copy_data", "ext_home_dir", "ext_users_groups"])
      thrown(record, name, () => any[name]!("a", "b", () => {}));
  }),
  request("methods of servers throw", {}, (sftp, record) => {
    for (const name of ["handle", "status", "data", "name", "attrs"])
      thrown(record, name, () => untyped(sftp)[name]!(0, 0));
  }),
  {
    name: "flags and constants of utils",
    section,
    async run({ utils: { sftp } }, record) {
      record("OPEN_MODE", sftp.OPEN_MODE);
      record("STATUS_CODE", sftp.STATUS_CODE);
      for (let flags = 0; flags < 64; flags++) record("flags", flags, sftp.flagsToString(flags));
      for (const text of ["r", "r+", "w", "wx", "xw+", "a", "xa+", "rw", ""])
        record("text", text, sftp.stringToFlags(text as "r"));
    },
  },
];

/** A directory whose names come in several replies. */
function directory(replies: number): Answers {
  let sent = 0;
  return {
    OPENDIR: (reply) => {
      sent = 0;
      reply.handle("directory");
    },
    READDIR: (reply) => {
      if (sent === replies) reply.status(EOF);
      else reply.name(...(sent === 0 ? [".", ".."] : []), `name ${sent++}`);
    },
    CLOSE: ok,
  };
}

/** A file of this length. */
function reads(length: number): Answers {
  const contents = pattern(length);
  return {
    READ: (reply, _handle: Buffer, offset: number, count: number) =>
      offset >= length ? reply.status(EOF) : reply.data(contents.subarray(offset, offset + count)),
  };
}
