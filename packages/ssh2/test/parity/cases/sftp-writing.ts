import { once } from "node:events";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Case } from "../case.ts";
import { CONTENTS, type Context, files, refused, watched } from "../sftp-files.ts";
import { type Answers, call, FAILURE, NO_SUCH_FILE, newFile, OK, oneFile, thrown } from "../sftp-peers.ts";

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

export const cases: readonly Case[] = [...written, ...transfers];
