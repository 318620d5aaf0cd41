import { type Attributes, encodePath } from "@nacre/sftp";
import { SCP_LIMITS, type ScpEntry, type ScpSource, type ScpSourceEvent, scpNameProblem } from "@nacre/sftp/scp";
import { escapeText } from "@nacre/wire";
import { basename, join } from "../../channel/remote-path.ts";
import { FileSystemError } from "../../serve/file-error.ts";
import type { ServedFile } from "../../serve/file-system.ts";
import type { ScpCommand } from "../command.ts";
import type { ScpChannel } from "../scp-channel.ts";
import { ClientGone, permissionBits, reasonOf, type ServedFiles, typeOf } from "./served-files.ts";

const READ = { read: true, write: false, append: false, create: false, truncate: false, exclusive: false } as const;

/** Length in bytes of one read. */
const READ_LENGTH = 256 * 1024;

/** Maximum depth of directories. An `ScpSink` accepts no more. */
const MAX_DEPTH = SCP_LIMITS.defaults.maxDepth;

/** Reports a file or directory that cannot be sent. Its text is for the client. */
class CannotSend extends Error {}

/** Answers `scp -f`: sends files of a file system. Follows symbolic links, as every scp does. */
export class SendFiles {
  readonly #served: ServedFiles;
  readonly #command: ScpCommand;
  readonly #machine: ScpSource;
  readonly #channel: ScpChannel<ScpSourceEvent>;
  /** Paths of the directories that contain the current file, with links resolved. */
  readonly #above: string[] = [];
  /** Whether something was not sent. */
  #hasFailed = false;

  constructor(served: ServedFiles, command: ScpCommand, machine: ScpSource, channel: ScpChannel<ScpSourceEvent>) {
    this.#served = served;
    this.#command = command;
    this.#machine = machine;
    this.#channel = channel;
  }

  /** Resolves with the exit status when everything is sent. Rejects if the client violates the protocol. */
  async run(): Promise<number> {
    const { path } = this.#command;
    if (await this.#isAccepted()) await this.#send(path, encodePath(basename(path) || path));
    await this.#channel.flush();
    return this.#hasFailed ? 1 : 0;
  }

  /** Sends a file or directory. Reports what cannot be sent, and goes on. */
  async #send(path: string, name: Uint8Array): Promise<void> {
    await this.#attempt(path, async () => {
      const attributes = await this.#served.fileSystem.stat(path);
      const type = typeOf(attributes);
      if (type === "directory" && this.#command.recursive) await this.#sendDirectory(path, name, attributes);
      else if (type === "file") await this.#sendFile(path, name);
      else throw new CannotSend("not a regular file");
    });
  }

  async #sendFile(path: string, name: Uint8Array): Promise<void> {
    const file = await this.#served.fileSystem.open(path, READ, {});
    try {
      // Attributes of the open file: by now, another file may have its path.
      const attributes = await file.stat();
      const size = Number(attributes.size ?? 0n);
      this.#machine.file(this.#entry(name, attributes), size);
      if (!(await this.#isAccepted())) return;
      const problem = await this.#contents(path, file, size);
      if (!this.#channel.isOver) this.#machine.endFile(problem);
      await this.#isAccepted();
    } finally {
      await file.close();
    }
  }

  /** Sends exactly `size` bytes. If the file has fewer or cannot be read, sends zeros instead, and returns the problem. */
  async #contents(path: string, file: ServedFile, size: number): Promise<string | undefined> {
    let problem: string | undefined;
    for (let position = 0; position < size; ) {
      const most = Math.min(READ_LENGTH, size - position);
      let bytes: Uint8Array | undefined;
      try {
        if (problem === undefined) bytes = await file.read(position, most);
        if (bytes?.length === 0) problem = this.#text(path, "the file became shorter");
      } catch (error) {
        problem = this.#text(path, reasonOf(this.#served, path, error));
      }
      const chunk = problem === undefined ? bytes!.subarray(0, most) : new Uint8Array(most);
      this.#machine.contents(chunk);
      await this.#channel.flush();
      // The next event has the reason.
      if (this.#channel.isOver) break;
      position += chunk.length;
    }
    return problem;
  }

  async #sendDirectory(path: string, name: Uint8Array, attributes: Attributes): Promise<void> {
    const { fileSystem } = this.#served;
    const real = await fileSystem.realpath(path);
    // rule: scp-server-link-loop
    if (this.#above.includes(real)) throw new FileSystemError("ELOOP");
    // rule: scp-server-depth
    if (this.#above.length >= MAX_DEPTH) throw new CannotSend("too many directories below each other");
    const directory = await fileSystem.opendir(path);
    this.#above.push(real);
    try {
      this.#machine.directory(this.#entry(name, attributes));
      if (!(await this.#isAccepted())) return;
      await this.#attempt(path, async () => {
        for (let batch = await directory.read(); batch.length > 0; batch = await directory.read())
          for (const { name } of batch)
            if (name !== "." && name !== "..") await this.#send(join(path, name), encodePath(name));
      });
      this.#machine.endDirectory();
      await this.#isAccepted();
    } finally {
      this.#above.pop();
      await directory.close();
    }
  }

  #entry(name: Uint8Array, { permissions = 0o644, times }: Attributes): ScpEntry {
    const problem = scpNameProblem(name);
    if (problem !== undefined) throw new CannotSend(`the name cannot be sent: ${problem}`);
    return { name, mode: permissionBits({ permissions }), times: this.#command.preserve ? times : undefined };
  }

  /** Does the work for one entry. Reports its failure to the client. */
  async #attempt(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof ClientGone) throw error;
      this.#hasFailed = true;
      const reason = error instanceof CannotSend ? error.message : reasonOf(this.#served, path, error);
      this.#machine.problem(this.#text(path, reason));
    }
  }

  /** Resolves with whether the client accepts the last record or file. Throws if the client has left. */
  async #isAccepted(): Promise<boolean> {
    const event = await this.#channel.next();
    if (event.type === "closed") throw new ClientGone(event.error);
    if (event.type === "refused") this.#hasFailed = true;
    return event.type === "accepted";
  }

  #text(path: string, reason: string): string {
    return `scp: ${escapeText(basename(path) || path)}: ${reason}`;
  }
}
