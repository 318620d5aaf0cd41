import { once } from "node:events";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ReadStream, SFTPWrapper, WriteStream } from "ssh2";
import type { Case, Peers, Recorder, Ssh2 } from "../case.ts";
import {
  type Answers,
  call,
  FAILURE,
  NO_SUCH_FILE,
  newFile,
  OK,
  oneFile,
  openSftp,
  pattern,
  thrown,
  without,
} from "../sftp-peers.ts";

const section = "sftp: files";

/** The requests whose number and order are this package's choice. */
const BLOCKS = ["READ", "WRITE", "FSTAT"];

interface Context {
  readonly sftp: SFTPWrapper;
  readonly record: Recorder;
  readonly folder: string;
}

/** A case with one SFTP and answers. `record` of the server leaves out reads and writes. */
function files(
  name: string,
  answers: () => Answers,
  run: (context: Context) => Promise<void>,
  rest: Partial<Case> = {},
): Case {
  return {
    name,
    section,
    ...rest,
    async run(ssh2: Ssh2, record: Recorder, peers: Peers) {
      const { sftp } = await openSftp(ssh2, without(record, ...BLOCKS), peers, answers());
      await run({ sftp, record, folder: peers.folder });
    },
  };
}

const CONTENTS = pattern(100_000);
const EVENTS = ["open", "ready", "end", "finish", "close", "error"] as const;

/** Records the events of a stream, with what a program can read then. Resolves when it is closed. */
function watched(
  record: Recorder,
  stream: ReadStream | WriteStream,
  until: "close" | "error" | "end" = "close",
): Promise<unknown> {
  for (const event of EVENTS) stream.on(event as "close", (...values: unknown[]) => record(event, ...values));
  return new Promise((resolve) => stream.on(until as "close", () => resolve(undefined)));
}

/** Records the events of a stream and all its bytes. */
async function read(record: Recorder, stream: ReadStream, until?: "close" | "error" | "end"): Promise<void> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer | string) => chunks.push(Buffer.from(chunk)));
  await watched(record, stream, until);
  const { bytesRead, pos, isClosed, pending, destroyed } = stream as never as Record<string, unknown>;
  record("read", Buffer.concat(chunks), { bytesRead, pos, isClosed, pending, destroyed });
}

const refused =
  (code: number, text = ""): Answers[string] =>
  (reply) =>
    reply.status(code, text);

const reading: readonly Case[] = [
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

/** What streams that write to a new file record. */
const ATTRIBUTES = {
  atime: "<undefined>",
  extended: "<undefined>",
  gid: "<undefined>",
  mode: 0o666,
  mtime: "<undefined>",
  size: "<undefined>",
  uid: "<undefined>",
};
const FILE = "<Buffer 66696c65>";
const OPENED = [
  ["server", "OPEN", "file", 0x1a, ATTRIBUTES],
  ["server", "FSETSTAT", FILE, ATTRIBUTES],
  ["open", FILE],
  ["ready"],
];
const CLOSED = [["server", "CLOSE", FILE], ["close"]];
const WRITTEN = [
  ["written", { bytesWritten: 3, destroyed: true, isClosed: true, pending: true, pos: 3 }],
  ["file", "<Buffer 616263>"],
];
const FULL = { error: "disk full", code: FAILURE };

/** Runs a case of writing, and records what the file has at the end. */
function writing(
  name: string,
  others: Answers,
  run: (context: Context, file: { contents: Buffer }) => Promise<void>,
  rest: Partial<Case> = {},
): Case {
  const file = { contents: Buffer.alloc(0) };
  return files(
    name,
    () => {
      file.contents = Buffer.alloc(0);
      return newFile(file, others);
    },
    async (context) => {
      await run(context, file);
      context.record("file", file.contents);
    },
    rest,
  );
}

const sized = (size: number): Answers => ({ FSTAT: (reply) => reply.attrs({ size }) });

const written: readonly Case[] = [
  writing("writeFile", {}, async ({ sftp, record }, file) => {
    for (const [data, options] of [
      [CONTENTS, undefined],
      ["text ä", undefined],
      ["6162", "hex"],
      ["", { mode: 0o600, flag: "wx" }],
      [12, null],
      ["x", { mode: "640" }],
    ] as const) {
      file.contents = Buffer.alloc(0);
      await call(record, "written", (done) => sftp.writeFile("file", data as never, options as never, done));
      record("contents", file.contents);
    }
    await call(record, "no options", (done) => sftp.writeFile("file", "abc", done));
  }),
  writing("appendFile", sized(5), async ({ sftp, record }) => {
    await call(record, "text", (done) => sftp.appendFile("file", "abc", done));
    await call(record, "options", (done) =>
      sftp.appendFile("file", Buffer.from("xyz"), { mode: 0o600, flag: "a+" }, done),
    );
    await call(record, "writeFile", (done) => sftp.writeFile("file", "123", { flag: "a" }, done));
  }),
  writing(
    "writeFile that cannot open, write or close",
    {
      OPEN: (reply, path: string) => (path === "missing" ? reply.status(3) : reply.handle(path)),
      WRITE: (reply, handle: Buffer) => reply.status(String(handle) === "full" ? FAILURE : OK, "no space"),
      CLOSE: (reply) => reply.status(FAILURE, "close"),
    },
    async ({ sftp, record }) => {
      for (const path of ["missing", "full", "unclosable"])
        await call(record, path, (done) => sftp.writeFile(path, "data", done));
    },
  ),
  writing(
    "a write stream",
    {},
    async ({ sftp, record }) => {
      const stream = sftp.createWriteStream("file");
      const closed = watched(record, stream);
      stream.write("ab");
      stream.end("c");
      await closed;
      const { bytesWritten, pos, isClosed, pending, destroyed } = stream as never as Record<string, unknown>;
      record("written", { bytesWritten, pos, isClosed, pending, destroyed });
    },
    {
      differs: "finish of a write stream",
      expected: {
        ssh2: [...OPENED, ...CLOSED, ...WRITTEN],
        nacre: [...OPENED, ["finish"], ...CLOSED, ...WRITTEN],
      },
    },
  ),
  writing(
    "a write stream that fails",
    { WRITE: refused(FAILURE, "disk full") },
    async ({ sftp, record }) => {
      const stream = sftp.createWriteStream("file");
      const closed = watched(record, stream);
      stream.write("abc", (error) => record("callback", error ?? null));
      await closed;
    },
    {
      differs: "a write stream that fails",
      expected: {
        ssh2: [...OPENED, ["callback", FULL], ...CLOSED, ["file", "<Buffer >"]],
        nacre: [...OPENED, ["callback", FULL], ["error", FULL], ...CLOSED, ["file", "<Buffer >"]],
      },
    },
  ),
  writing("a write stream that does not close", {}, async ({ sftp, record }) => {
    const stream = sftp.createWriteStream("file", { autoClose: false, start: 3, flags: "r+", mode: 0o600 } as never);
    const finished = once(stream, "finish");
    void watched(record, stream);
    stream.write("616263", "hex", (error) => record("callback", error ?? null));
    stream.end("ä");
    await finished;
    const { handle } = stream as never as { handle: Buffer };
    await call(record, "close", (done) => sftp.close(handle, done));
  }),
  writing("a write stream that is closed", {}, async ({ sftp, record }) => {
    const stream = sftp.createWriteStream("file", { autoClose: false, encoding: "hex" } as never);
    const closed = watched(record, stream);
    stream.write("6162");
    (stream as never as { close(done: unknown): void }).close(() => record("closed"));
    await closed;
    (stream as never as { close(done: unknown): void }).close(() => record("closed again"));
    await new Promise((resolve) => setImmediate(resolve));
  }),
  writing("a write stream that appends", sized(4), async ({ sftp, record }) => {
    const stream = sftp.createWriteStream("file", { flags: "a", autoClose: false } as never);
    const finished = once(stream, "finish");
    void watched(record, stream);
    stream.end("abc");
    await finished;
  }),
  writing("a write stream of a missing file", { OPEN: refused(NO_SUCH_FILE) }, async ({ sftp, record }) => {
    await watched(record, sftp.createWriteStream("dir/file"));
  }),
  writing(
    "a write stream whose server sets no modes",
    { FSETSTAT: refused(8), SETSTAT: refused(8) },
    async ({ sftp, record }) => {
      const stream = sftp.createWriteStream("file", { autoClose: false });
      const finished = once(stream, "finish");
      void watched(record, stream);
      stream.end("abc");
      await finished;
    },
  ),
];

const transfers: readonly Case[] = [
  files(
    "fastGet",
    () => oneFile(CONTENTS),
    async ({ sftp, record, folder }) => {
      await call(record, "done", (done) => sftp.fastGet("file", join(folder, "copy"), done));
      record("copy", await readFile(join(folder, "copy")));
    },
  ),
  files(
    "fastGet with options",
    () => oneFile(CONTENTS),
    async ({ sftp, record, folder }) => {
      const copy = join(folder, "copy");
      const step = (...values: number[]) => record("step", ...values);
      await call(record, "done", (done) =>
        sftp.fastGet("file", copy, { chunkSize: 10_000, concurrency: 1, step, mode: 0o604 } as never, done),
      );
      record("mode", (await stat(copy)).mode);
      await call(record, "default steps", (done) => sftp.fastGet("file", copy, { concurrency: 1, step }, done));
      await call(record, "size", (done) =>
        sftp.fastGet("file", copy, { fileSize: 40_000, concurrency: 1, step } as never, done),
      );
      record("copy", await readFile(copy));
      await call(record, "wrong numbers", (done) =>
        sftp.fastGet("file", copy, { chunkSize: -1, concurrency: Number.NaN, mode: "600" } as never, done),
      );
      record("mode", (await stat(copy)).mode);
    },
  ),
  files(
    "fastGet of an empty file",
    () => oneFile(Buffer.alloc(0)),
    async ({ sftp, record, folder }) => {
      await call(record, "done", (done) => sftp.fastGet("file", join(folder, "copy"), done));
      record("copy", await readFile(join(folder, "copy")));
    },
  ),
  files(
    "fastGet with a server that only has STAT",
    () => oneFile(CONTENTS, { FSTAT: refused(8), STAT: (reply) => reply.attrs({ size: CONTENTS.length }) }),
    async ({ sftp, record, folder }) => {
      await call(record, "done", (done) => sftp.fastGet("file", join(folder, "copy"), done));
      record("copy", await readFile(join(folder, "copy")));
    },
  ),
  files(
    "fastGet with short replies",
    () =>
      oneFile(CONTENTS, {
        READ: (reply, _handle: Buffer, offset: number, length: number) =>
          reply.data(CONTENTS.subarray(offset, offset + Math.min(length, 999))),
      }),
    async ({ sftp, record, folder }) => {
      await call(record, "done", (done) => sftp.fastGet("file", join(folder, "copy"), done));
      record("copy", await readFile(join(folder, "copy")));
    },
  ),
  files(
    "fastGet that fails on either side",
    () =>
      oneFile(CONTENTS, {
        OPEN: (reply, path: string) => (path === "missing" ? reply.status(NO_SUCH_FILE) : reply.handle("file")),
        READ: refused(FAILURE, "disk"),
      }),
    async ({ sftp, record, folder }) => {
      await call(record, "remote", (done) => sftp.fastGet("missing", join(folder, "copy"), done));
      await call(record, "read", (done) => sftp.fastGet("file", join(folder, "copy"), done));
      await new Promise<void>((resolve) => {
        sftp.fastGet("file", join(folder, "no/copy"), (error) => {
          record("local", (error as NodeJS.ErrnoException).code);
          resolve();
        });
      });
      thrown(record, "mode", () => sftp.fastGet("file", "copy", { mode: "x" } as never, () => {}));
    },
  ),
  writing("fastPut", {}, async ({ sftp, record, folder }, file) => {
    const local = join(folder, "local");
    await writeFile(local, CONTENTS);
    const step = (...values: number[]) => record("step", ...values);
    await call(record, "done", (done) => sftp.fastPut(local, "file", done));
    record("contents", file.contents);
    await call(record, "options", (done) =>
      sftp.fastPut(local, "file", { chunkSize: 30_000, concurrency: 1, mode: "640", step }, done),
    );
    file.contents = Buffer.alloc(0);
    await call(record, "size", (done) =>
      sftp.fastPut(local, "file", { fileSize: 70_000, concurrency: 1, step } as never, done),
    );
  }),
  writing("fastPut of an empty file", {}, async ({ sftp, record, folder }) => {
    await writeFile(join(folder, "local"), "");
    await call(record, "done", (done) => sftp.fastPut(join(folder, "local"), "file", done));
  }),
  writing(
    "fastPut that fails on either side",
    {
      OPEN: (reply, path: string) => (path === "missing" ? reply.status(3, "no rights") : reply.handle("file")),
      WRITE: refused(FAILURE, "full"),
    },
    async ({ sftp, record, folder }) => {
      await writeFile(join(folder, "local"), CONTENTS);
      await call(record, "remote", (done) => sftp.fastPut(join(folder, "local"), "missing", done));
      await call(record, "write", (done) => sftp.fastPut(join(folder, "local"), "file", done));
      await new Promise<void>((resolve) => {
        sftp.fastPut(join(folder, "nothing"), "file", (error) => {
          record("local", (error as NodeJS.ErrnoException).code);
          resolve();
        });
      });
    },
  ),
];

export const cases: readonly Case[] = [...reading, ...written, ...transfers];
