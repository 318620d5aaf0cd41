import { type Attributes, decodePath } from "@nacre/sftp";
import type { ScpSink, ScpSinkEvent, ScpTimes } from "@nacre/sftp/scp";
import { escapeText } from "@nacre/wire";
import { basename, join } from "../../channel/remote-path.ts";
import { FileSystemError } from "../../serve/file-error.ts";
import type { ScpCommand } from "../command.ts";
import type { ScpChannel } from "../scp-channel.ts";
import { NewFile } from "./new-file.ts";
import { ClientGone, lstatOf, reasonOf, type ServedFiles, statOf, typeOf, unsupported } from "./served-files.ts";

type Of<Type extends ScpSinkEvent["type"]> = Extract<ScpSinkEvent, { readonly type: Type }>;

/** Result of receiving a file: `"invalid"` if the client reported that it could not read all of it. */
type Outcome =
  | { readonly kind: "whole" }
  | { readonly kind: "invalid" }
  | { readonly kind: "unwritable"; readonly error: unknown };

/** A directory being received. */
interface Directory {
  readonly path: string;
  /** Attributes to set when it is complete. */
  readonly attributes: Attributes | undefined;
}

const MAX_UINT32 = 0xffff_ffff;

/** Answers `scp -t`: writes what a client sends to a file system. */
export class ReceiveFiles {
  readonly #served: ServedFiles;
  readonly #command: ScpCommand;
  readonly #machine: ScpSink;
  readonly #channel: ScpChannel<ScpSinkEvent>;
  readonly #directories: Directory[] = [];
  #isTargetDirectory = false;
  /** Whether something was refused. */
  #hasFailed = false;

  constructor(served: ServedFiles, command: ScpCommand, machine: ScpSink, channel: ScpChannel<ScpSinkEvent>) {
    this.#served = served;
    this.#command = command;
    this.#machine = machine;
    this.#channel = channel;
  }

  /** Resolves with the exit status when the client has ended. Rejects if it violates the protocol. */
  async run(): Promise<number> {
    const problem = await this.#findTarget();
    if (problem === undefined) this.#machine.accept();
    else this.#machine.fail(this.#text(this.#command.path, problem));
    for (let event = await this.#channel.next(); ; event = await this.#channel.next()) {
      if (event.type === "closed") {
        if (event.error !== undefined) throw new ClientGone(event.error);
        await this.#channel.flush();
        return problem !== undefined || this.#hasFailed ? 1 : 0;
      }
      await this.#handle(event);
    }
  }

  async #handle(event: Exclude<ScpSinkEvent, { readonly type: "closed" }>): Promise<void> {
    switch (event.type) {
      case "file":
        return this.#receive(event);
      case "directory":
        return this.#enter(event);
      case "directory-end":
        return this.#leave();
      case "problem":
        this.#hasFailed = true;
        return;
      case "data":
      case "file-end":
        // Only within a file, whose events `#contents` takes.
        return;
    }
  }

  /** Returns why nothing can be received, or `undefined`. */
  async #findTarget(): Promise<string | undefined> {
    const { fileSystem, readOnly } = this.#served;
    const { path, isDirectory } = this.#command;
    try {
      // rule: scp-read-only
      if (readOnly) throw new FileSystemError("EACCES");
      const target = await statOf(fileSystem, path);
      this.#isTargetDirectory = target !== undefined && typeOf(target) === "directory";
      if (isDirectory && !this.#isTargetDirectory) throw new FileSystemError(target ? "ENOTDIR" : "ENOENT");
      return undefined;
    } catch (error) {
      return reasonOf(this.#served, path, error);
    }
  }

  /** Returns the path for an entry with this name. */
  #placeOf(name: Uint8Array): string {
    const directory = this.#directories.at(-1)?.path ?? (this.#isTargetDirectory ? this.#command.path : undefined);
    return directory === undefined ? this.#command.path : join(directory, decodePath(name));
  }

  async #receive({ name, mode, times }: Of<"file">): Promise<void> {
    const path = this.#placeOf(name);
    const permissions = mode & /* rule: scp-server-mode */ 0o777;
    let file: NewFile;
    try {
      file = await NewFile.create(this.#served.fileSystem, path, permissions);
    } catch (error) {
      return this.#refuse(path, error);
    }
    this.#machine.accept();
    let isWhole = false;
    try {
      const outcome = await this.#contents(file);
      if (outcome.kind === "unwritable") return this.#refuse(path, outcome.error);
      if (outcome.kind === "whole") {
        await file.finish(this.#command.preserve ? attributesOf(permissions, times) : undefined);
        isWhole = true;
      } else this.#hasFailed = true;
      this.#machine.accept();
    } catch (error) {
      if (error instanceof ClientGone) throw error;
      this.#refuse(path, error);
    } finally {
      if (!isWhole) await file.discard();
    }
  }

  /** Writes contents until the client has sent all of them. If the file cannot be written, reads and drops the remaining bytes. */
  async #contents(file: NewFile): Promise<Outcome> {
    let failure: { readonly error: unknown } | undefined;
    for (;;) {
      const event = await this.#channel.next();
      if (event.type === "closed") throw new ClientGone(event.error);
      if (event.type === "data") {
        failure ??= await file.write(event.data).then(
          () => undefined,
          (error: unknown) => ({ error }),
        );
      } else if (event.type === "file-end") {
        // rule: scp-server-invalid
        if (event.problem !== undefined) return { kind: "invalid" };
        return failure === undefined ? { kind: "whole" } : { kind: "unwritable", error: failure.error };
      }
    }
  }

  async #enter({ name, mode, times }: Of<"directory">): Promise<void> {
    const path = this.#placeOf(name);
    const permissions = mode & 0o777;
    try {
      // rule: scp-server-recursive
      if (!this.#command.recursive) throw new FileSystemError("EISDIR");
      await this.#makeDirectory(path, permissions);
    } catch (error) {
      return this.#refuse(path, error);
    }
    const attributes = this.#command.preserve ? attributesOf(permissions, times) : undefined;
    this.#directories.push({ path, attributes });
    this.#machine.accept();
  }

  async #makeDirectory(path: string, permissions: number): Promise<void> {
    const { fileSystem } = this.#served;
    // A link from an earlier upload would redirect files to another directory.
    const existing = await /* rule: scp-server-directory-link */ lstatOf(fileSystem, path);
    if (existing === undefined) {
      // Its owner must be able to add entries. With -p, it gets its own bits when it is complete.
      await (fileSystem.mkdir?.(path, { permissions: permissions | 0o700 }) ?? unsupported());
    } else if (typeOf(existing) !== "directory") throw new FileSystemError("ENOTDIR");
  }

  async #leave(): Promise<void> {
    const { path, attributes } = this.#directories.pop()!;
    try {
      if (attributes !== undefined) await (this.#served.fileSystem.setstat?.(path, attributes) ?? unsupported());
    } catch (error) {
      return this.#refuse(path, error);
    }
    this.#machine.accept();
  }

  #refuse(path: string, error: unknown): void {
    this.#hasFailed = true;
    this.#machine.refuse(this.#text(path, reasonOf(this.#served, path, error)));
  }

  #text(path: string, reason: string): string {
    return `scp: ${escapeText(basename(path) || path)}: ${reason}`;
  }
}

/** Returns attributes for `-p`. A time outside SFTP's range becomes the nearest one. */
function attributesOf(permissions: number, times: ScpTimes | undefined): Attributes {
  if (times === undefined) return { permissions };
  const { atime, mtime } = times;
  return { permissions, times: { atime: Math.min(atime, MAX_UINT32), mtime: Math.min(mtime, MAX_UINT32) } };
}
