import type { Case } from "../case.ts";
import { CONTENTS, files, read, refused, watched } from "../sftp-files.ts";
import { call, FAILURE, NO_SUCH_FILE, oneFile, thrown } from "../sftp-peers.ts";

export const cases: readonly Case[] = [
  files(
    "readFile",
    () => oneFile(CONTENTS),
    async ({ sftp, record }) => {
      await call(record, "bytes", (done) => sftp.readFile("file", done));
      await call(record, "encoding", (done) => sftp.readFile("file", "hex", done));
      await call(record, "options", (done) => sftp.readFile("file", { encoding: "base64", flag: "r+" }, done));
      await call(record, "null", (done) => sftp.readFile("file", null as never, done));
    },
  ),
  files(
    "readFile of a file without a size",
    () => oneFile(CONTENTS, { FSTAT: (reply) => reply.attrs({ mode: 1 }) }),
    async ({ sftp, record }) => {
      await call(record, "bytes", (done) => sftp.readFile("file", done));
    },
  ),
  files(
    "readFile with a server that only has STAT",
    () =>
      oneFile(CONTENTS, {
        FSTAT: refused(8),
        STAT: (reply) => reply.attrs({ size: 5000 }),
      }),
    async ({ sftp, record }) => {
      await call(record, "bytes", (done) => sftp.readFile("file", done));
    },
  ),
  files(
    "readFile with a server that has neither",
    () =>
      oneFile(CONTENTS, {
        FSTAT: refused(FAILURE, "fstat"),
        STAT: refused(FAILURE, "stat"),
      }),
    async ({ sftp, record }) => {
      await call(record, "bytes", (done) => sftp.readFile("file", done));
    },
  ),
  files(
    "readFile that cannot open, read or close",
    () =>
      oneFile(CONTENTS, {
        OPEN: (reply, path: string) => (path === "missing" ? reply.status(NO_SUCH_FILE) : reply.handle(path)),
        READ: (reply, handle: Buffer) =>
          String(handle) === "unreadable" ? reply.status(FAILURE, "disk") : reply.data(CONTENTS.subarray(0, 10)),
        FSTAT: (reply) => reply.attrs({ size: 10 }),
        CLOSE: (reply) => reply.status(FAILURE, "close"),
      }),
    async ({ sftp, record }) => {
      for (const path of ["missing", "unreadable", "unclosable"])
        await call(record, path, (done) => sftp.readFile(path, done));
    },
  ),
  files(
    "readFile of a file that has become shorter",
    () => oneFile(CONTENTS, { FSTAT: (reply) => reply.attrs({ size: 200_000 }) }),
    async ({ sftp, record }) => {
      await call(record, "bytes", (done) => sftp.readFile("file", done));
    },
  ),
  files(
    "wrong options of whole files throw",
    () => ({}),
    async ({ sftp, record }) => {
      thrown(record, "encoding", () => sftp.readFile("file", "utf9" as never, () => {}));
      thrown(record, "options", () => sftp.readFile("file", 5 as never, () => {}));
      thrown(record, "write", () => sftp.writeFile("file", "x", "utf9" as never, () => {}));
      thrown(record, "write", () => sftp.writeFile("file", "x", true as never, () => {}));
      thrown(record, "append", () => sftp.appendFile("file", "x", { encoding: "x" } as never, () => {}));
    },
  ),
  files(
    "a read stream",
    () => oneFile(CONTENTS),
    async ({ sftp, record }) => {
      await read(record, sftp.createReadStream("file"));
    },
  ),
  files(
    "a read stream of a range, of the end, and of nothing",
    () => oneFile(CONTENTS),
    async ({ sftp, record }) => {
      await read(record, sftp.createReadStream("file", { start: 1000, end: 70_000 }));
      await read(record, sftp.createReadStream("file", { start: 99_990 }));
      await read(record, sftp.createReadStream("file", { end: 0 }));
      await read(record, sftp.createReadStream("file", { start: 100_000 }));
    },
  ),
  files(
    "a read stream with options",
    () => oneFile(Buffer.from("äöü"), { FSTAT: (reply) => reply.attrs({ size: 6 }) }),
    async ({ sftp, record }) => {
      const stream = sftp.createReadStream("file", { flags: "r+", mode: 0o600, encoding: "utf8" } as never);
      stream.on("data", (chunk: unknown) => record("chunk", chunk));
      await watched(record, stream);
      const text = sftp.createReadStream("file", "latin1" as never);
      text.on("data", (chunk: unknown) => record("chunk", chunk));
      await watched(record, text);
    },
  ),
  files(
    "a read stream that does not close, and one with a handle",
    () => oneFile(CONTENTS),
    async ({ sftp, record }) => {
      const stream = sftp.createReadStream("file", { autoClose: false });
      await read(record, stream, "end");
      const { handle } = stream as never as { handle: Buffer };
      record("handle", handle);
      await read(record, sftp.createReadStream("other", { handle, start: 99_000, autoClose: false }), "end");
      await call(record, "close", (done) => sftp.close(handle, done));
    },
  ),
  files(
    "a read stream of a missing file",
    () => ({ OPEN: refused(NO_SUCH_FILE) }),
    async ({ sftp, record }) => {
      await read(record, sftp.createReadStream("file"));
    },
  ),
  files(
    "a read stream that fails",
    () => oneFile(CONTENTS, { READ: refused(FAILURE, "disk") }),
    async ({ sftp, record }) => {
      await read(record, sftp.createReadStream("file"));
      await read(record, sftp.createReadStream("file", { autoClose: false }), "error");
    },
  ),
  files(
    "a read stream that is closed early",
    () => oneFile(CONTENTS),
    async ({ sftp, record }) => {
      const stream = sftp.createReadStream("file");
      stream.on("open", () => (stream as never as { close(done: unknown): void }).close(() => record("closed")));
      await watched(record, stream);
      const other = sftp.createReadStream("file");
      other.destroy();
      await watched(record, other);
    },
  ),
  files(
    "wrong options of streams throw",
    () => ({}),
    async ({ sftp, record }) => {
      const wrong = [
        null,
        5,
        { start: "1" },
        { start: -1 },
        { start: 1.5 },
        { start: 2 ** 53 },
        { start: Number.NaN },
        { end: "5" },
        { end: -5 },
        { start: 5, end: 4 },
        { start: 10_000_000_000.5 },
        { end: null },
        { flags: null },
      ];
      for (const options of wrong) {
        thrown(record, "read", () => sftp.createReadStream("file", options as never).on("error", () => {}));
        if (options === null || typeof options === "number" || ("start" in options && !("end" in options)))
          thrown(record, "write", () => sftp.createWriteStream("file", options as never).on("error", () => {}));
      }
    },
  ),
];
