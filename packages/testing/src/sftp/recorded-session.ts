import {
  decodePath,
  encodePath,
  type NameEntry,
  SFTP_EXTENSIONS,
  SftpClient,
  type SftpClientEvent,
  type SftpClientRequest,
  SSH_FX,
  SSH_FXF,
} from "@nacre/sftp";
import { concatBytes, utf8Encode } from "@nacre/wire";
import type { MemoryFilesOptions } from "./memory-files.ts";

const CREATE = SSH_FXF.READ | SSH_FXF.WRITE | SSH_FXF.CREAT | SSH_FXF.EXCL;

/** Name that is not UTF-8, with a character that is. */
const ODD = encodePath("é\udcff\udc80");

const RECORDED_TIME = 1_700_000_000;

/** Facts about the files of recorded sessions. Times are constant, so results are repeatable. */
export const RECORDED_FILES: Partial<MemoryFilesOptions> = {
  home: "",
  owner: 0,
  atime: RECORDED_TIME,
  mtime: RECORDED_TIME,
  listsDots: false,
  longname: encodePath,
};

/** Content of the recorded file. */
export const RECORDED_CONTENT: Uint8Array<ArrayBuffer> = Uint8Array.from(
  { length: 9000 },
  (_, i) => (i * 7 + (i >> 8)) & 0xff,
);

/** A request, its expected answer, and a name for the handle in it. */
type Step = readonly [
  request: (handles: ReadonlyMap<string, Uint8Array>) => SftpClientRequest,
  expected: object,
  name?: string,
];

function open(path: Uint8Array, flags: number): Step[0] {
  return () => ({ type: "open", path, flags, attributes: { permissions: 0o640 } });
}

function on(type: SftpClientRequest["type"], name: string, more: object = {}): Step[0] {
  return (handles) => ({ type, handle: handles.get(name)!, ...more }) as unknown as SftpClientRequest;
}

function status(code: number): object {
  return { type: "status", status: code };
}

function attributes(expected: object): object {
  return { type: "attributes", attributes: expected };
}

const OK = status(SSH_FX.OK);
const FILE = encodePath("dir/file");
const TIMES = { atime: 1_000_000_000, mtime: 2_000_000_000 };

/** Requests of one session in an empty folder, with the expected answers. Every request type occurs. */
const STEPS: readonly Step[] = [
  [() => ({ type: "mkdir", path: encodePath("dir"), attributes: { permissions: 0o750 } }), OK],
  [() => ({ type: "mkdir", path: encodePath("dir"), attributes: {} }), status(SSH_FX.FAILURE)],
  [open(FILE, CREATE), { type: "handle" }, "file"],
  [open(FILE, CREATE), status(SSH_FX.FAILURE)],
  [on("write", "file", { offset: 0, data: RECORDED_CONTENT.subarray(0, 4000) }), OK],
  [on("write", "file", { offset: 4000, data: RECORDED_CONTENT.subarray(4000, 8000) }), OK],
  [on("write", "file", { offset: 8000, data: RECORDED_CONTENT.subarray(8000) }), OK],
  [on("fsync", "file"), OK],
  [on("read", "file", { offset: 0, length: 20_000 }), { type: "data", data: RECORDED_CONTENT }],
  [on("read", "file", { offset: 8990, length: 100 }), { type: "data", data: RECORDED_CONTENT.subarray(8990) }],
  [on("read", "file", { offset: 9000, length: 100 }), status(SSH_FX.EOF)],
  [on("fstat", "file"), attributes({ size: 9000n, permissions: 0o100640 })],
  [on("fsetstat", "file", { attributes: { size: 6000n, times: TIMES } }), OK],
  [on("fstat", "file"), attributes({ size: 6000n, times: TIMES })],
  [on("fstatvfs", "file"), { type: "statvfs", statvfs: { namemax: 255n } }],
  [() => ({ type: "open", path: encodePath("dir/copy"), flags: CREATE, attributes: {} }), { type: "handle" }, "copy"],
  [
    (handles) => ({
      type: "copy-data",
      readHandle: handles.get("file")!,
      readOffset: 5990,
      length: 0,
      writeHandle: handles.get("copy")!,
      writeOffset: 5,
    }),
    OK,
  ],
  [on("read", "copy", { offset: 5, length: 100 }), { type: "data", data: RECORDED_CONTENT.subarray(5990, 6000) }],
  [on("close", "copy"), OK],
  [on("close", "file"), OK],
  // OpenSSH's status for EBADF.
  [on("close", "file"), status(SSH_FX.NO_SUCH_FILE)],
  [() => ({ type: "setstat", path: FILE, attributes: { permissions: 0o600 } }), OK],
  [
    () => ({ type: "stat", path: FILE }),
    attributes({ size: 6000n, permissions: 0o100600, times: { mtime: TIMES.mtime } }),
  ],
  [() => ({ type: "stat", path: encodePath("none") }), status(SSH_FX.NO_SUCH_FILE)],
  [() => ({ type: "symlink", targetPath: encodePath("file"), linkPath: encodePath("dir/link") }), OK],
  [
    () => ({ type: "readlink", path: encodePath("dir/link") }),
    { type: "name", name: { filename: encodePath("file") } },
  ],
  [() => ({ type: "lsetstat", path: encodePath("dir/link"), attributes: { times: TIMES } }), OK],
  [() => ({ type: "lstat", path: encodePath("dir/link") }), attributes({ permissions: 0o120777, times: TIMES })],
  [() => ({ type: "hardlink", oldPath: FILE, newPath: encodePath("dir/hard") }), OK],
  [() => ({ type: "rename", oldPath: FILE, newPath: encodePath("dir/hard") }), status(SSH_FX.FAILURE)],
  [() => ({ type: "posix-rename", oldPath: encodePath("dir/copy"), newPath: FILE }), OK],
  [open(Uint8Array.of(...encodePath("dir/"), ...ODD), CREATE), { type: "handle" }, "odd"],
  [on("close", "odd"), OK],
  [() => ({ type: "opendir", path: encodePath("dir") }), { type: "handle" }, "dir"],
  [on("readdir", "dir"), { type: "names", names: [".", "..", "file", "hard", "link", decodePath(ODD)].toSorted() }],
  [on("readdir", "dir"), status(SSH_FX.EOF)],
  [on("close", "dir"), OK],
  [() => ({ type: "realpath", path: encodePath("/usr/../.") }), { type: "name", name: { filename: encodePath("/") } }],
  [
    () => ({ type: "expand-path", path: encodePath("/tmp/./x") }),
    { type: "name", name: { filename: encodePath("/tmp/x") } },
  ],
  [() => ({ type: "home-directory", userName: "root" }), { type: "name", name: { filename: encodePath("/root") } }],
  [
    () => ({ type: "users-groups-by-id", uids: [0, 54_321], gids: [0] }),
    { type: "users-groups", users: ["root", ""], groups: ["root"] },
  ],
  [() => ({ type: "statvfs", path: encodePath(".") }), { type: "statvfs", statvfs: { namemax: 255n } }],
  [() => ({ type: "remove", path: Uint8Array.of(...encodePath("dir/"), ...ODD) }), OK],
  [() => ({ type: "rmdir", path: encodePath("dir") }), status(SSH_FX.FAILURE)],
  [() => ({ type: "extended", name: "none@example.com", data: utf8Encode("x") }), status(SSH_FX.OP_UNSUPPORTED)],
];

/** A client that sends the steps one after another. Its bytes depend on the server's replies only, so the session can be replayed. */
export class RecordedSession {
  readonly client = new SftpClient<number>();
  readonly answers: SftpClientEvent<number>[] = [];
  readonly #handles = new Map<string, Uint8Array>();

  /** Whether all steps are answered. */
  get isDone(): boolean {
    return this.answers.length === STEPS.length;
  }

  /** The expected answer of each step. Names of a listing are sorted texts. */
  get expected(): readonly object[] {
    return STEPS.map(([, expected]) => expected);
  }

  /** Passes bytes of the server to the client, and returns the client's next bytes. */
  receive(bytes: Uint8Array): Uint8Array {
    this.client.receive(bytes);
    for (let event = this.client.nextEvent(); event !== undefined; event = this.client.nextEvent()) this.#on(event);
    return this.take();
  }

  /** Returns the client's unsent bytes. */
  take(): Uint8Array {
    const bytes = this.client.unsent.slice();
    this.client.sent(bytes.length);
    return bytes;
  }

  #on(event: SftpClientEvent<number>): void {
    if (event.type === "ready" && !this.client.supports(SFTP_EXTENSIONS.limits))
      throw new Error("the server lacks limits@openssh.com");
    if (event.type === "closed") throw event.error;
    if ("waiter" in event) {
      this.answers.push(event);
      const name = STEPS[event.waiter]![2];
      if (event.type === "handle" && name !== undefined) this.#handles.set(name, event.handle);
    }
    if (event.type === "limits" || "waiter" in event) this.#next();
  }

  #next(): void {
    const step = STEPS[this.answers.length];
    if (step !== undefined) this.client.request(step[0](this.#handles), this.answers.length);
  }
}

/** Returns an answer in the form of the expected ones: a listing as its sorted names, data in one piece. */
export function comparable(answer: SftpClientEvent<number>): object {
  if (answer.type === "data") return { ...answer, data: concatBytes(...answer.pieces), pieces: undefined };
  if (answer.type !== "names") return answer;
  return { ...answer, names: answer.names.map(({ filename }: NameEntry) => decodePath(filename)).toSorted() };
}
