import { decodePath, encodePath } from "@nacre/sftp";
import { ScpSink, type ScpSinkEvent, type ScpTimes } from "@nacre/sftp/scp";
import { escapeText, SshError } from "@nacre/wire";
import type { CallContext } from "../channel/call.ts";
import { basename, type RemotePath, toText } from "../channel/remote-path.ts";
import type { LocalAttributes, LocalPath, LocalWriter } from "../local/local-files.ts";
import { nameProblem, temporaryName, WrittenNames } from "../local/names.ts";
import { notDirectory } from "../local/not-directory.ts";
import { refuseSpecial } from "../local/special.ts";
import type { ChannelOpener } from "../remote/open-sftp.ts";
import type { TransferResult } from "../transfer/options.ts";
import { scpCommand } from "./command.ts";
import { checkScpOptions, type ScpOptions } from "./options.ts";
import { problemError, ScpTransfer } from "./scp-transfer.ts";

/**
 * Copies a file, or with `recursive` a directory, from a server without SFTP. `remote` is one path: it is quoted for a POSIX shell, so
 * the server expands neither `*` nor `~` in it. `local` is the path of the copy, and its parent must exist. An existing directory is
 * merged with the new one.
 *
 * The server chooses what it sends, so everything is checked. It may send only the requested name, and nothing is written outside of the
 * copy. A directory fails if the local side has a symbolic link with its name. A file is written under a temporary name
 * `.NAME.nacre-RANDOM` and renamed when it is complete; after a failure it is removed.
 *
 * Rejects with `usage`, `output-limit`, `aborted`, `scp-failure` if the server reports a problem, `unexpected-message` or
 * `malformed-message` if it violates the protocol, `channel-request-failed` if it runs no commands, the error of the local side, or the
 * one that ended the connection.
 */
export async function downloadScp(
  ssh: ChannelOpener,
  remote: RemotePath,
  local: LocalPath,
  options: ScpOptions = {},
): Promise<TransferResult> {
  checkScpOptions(options, "`downloadScp`", ["follow"]);
  const path = toText(remote);
  const { recursive = false, preserve = false, signal } = options;
  const command = scpCommand({ role: "source", path: path || ".", recursive, preserve, isDirectory: false });
  const context: CallContext = { call: "download", path, signal };
  const machine = new ScpSink({ requestedName: encodePath(basename(path || ".")) });
  return new Download({ machine, local, options, context }).run(ssh, command);
}

/** A directory being received. */
interface Directory {
  /** Path below the root; "" for the root. */
  readonly path: string;
  readonly to: string;
  readonly attributes: LocalAttributes;
  /** Names of its entries so far. */
  readonly written: WrittenNames;
}

type Of<Type extends ScpSinkEvent["type"]> = Extract<ScpSinkEvent, { readonly type: Type }>;

/** Text for the server about a refused file. It contains nothing of this side's errors. */
const REFUSAL = "scp: not taken by the client";

class Download extends ScpTransfer<ScpSinkEvent, ScpSink> {
  /** Directories that contain the next entry, the root first. */
  readonly #directories: Directory[] = [];
  #hasRoot = false;

  protected override async move(): Promise<void> {
    this.machine.accept();
    for (let event = await this.next(); event !== undefined; event = await this.next()) {
      if (event.type === "directory-end") await this.#leave();
      else if (event.type === "problem")
        this.tally.fail(this.#path, problemError("the server reports a problem", event.message));
      else if (event.type === "file" || event.type === "directory") await this.#entry(event);
    }
    if (!this.#hasRoot && this.tally.result.failed.length === 0)
      throw new SshError("channel-closed", "the server sent no file");
  }

  /** Path of the current directory below the root. */
  get #path(): string {
    return this.#directories.at(-1)?.path ?? "";
  }

  async #entry(event: Of<"file"> | Of<"directory">): Promise<void> {
    const name = decodePath(event.name);
    const isRoot = this.#directories.length === 0;
    const path = isRoot ? "" : [this.#path, name].filter((part) => part !== "").join("/");
    this.#hasRoot = true;
    try {
      if (!isRoot) this.#checkName(name, path);
      const { type } = event;
      // rule: scp-recursive
      if (type === "directory" && this.options.recursive !== true)
        throw new SshError(
          "usage",
          `download "${escapeText(this.context.path ?? "")}": it is a directory; pass { recursive: true }`,
        );
      const size = type === "file" ? event.size : 0;
      if (!isRoot && !(await this.tally.wants({ path, type, size }))) {
        this.machine.refuse(REFUSAL);
        return;
      }
      const to = isRoot ? this.local : this.files.join(this.#directories.at(-1)!.to, name);
      if (type === "file") await this.#file(event, path, to);
      else await this.#enter(event, path, to);
    } catch (error) {
      // Ends the transfer, unless `onError` makes it concern this entry only.
      this.tally.fail(path, error);
      this.machine.refuse(REFUSAL);
    }
  }

  /** Throws if the local side does not allow the name of an entry. */
  #checkName(name: string, path: string): void {
    const problem =
      // OpenSSH escapes a newline in a name with a backslash, so the name would be another one.
      /* rule: scp-name-backslash */ name.includes("\\")
        ? "scp takes no backslash in a name"
        : /* rule: scp-name-local */ (nameProblem(name, this.files.nameRules) ??
          (this.files.nameRules === "windows" ? this.#directories.at(-1)!.written.problem(name) : undefined));
    if (problem !== undefined)
      throw new SshError("file-unwritable", `"${escapeText(path)}" cannot be written here: ${problem}`);
  }

  async #file({ mode, size, times }: Of<"file">, path: string, to: string): Promise<void> {
    if (path === "") await refuseSpecial(this.files, to, this.context.call);
    const { directory, name } = this.files.split(to);
    // rule: scp-local-temporary
    const temporary = this.files.join(directory, temporaryName(name));
    const attributes = this.#attributes(mode, times);
    this.tally.found(size);
    if (this.#directories.length === 0) this.tally.listed();
    const file = await this.files.create(temporary, attributes.mode);
    try {
      try {
        this.machine.accept();
        await this.#contents(file, path);
        if (this.options.preserve === true) await file.setAttributes(attributes);
      } finally {
        await file.close();
      }
      await this.files.rename(temporary, to);
    } catch (error) {
      // The first error is the one to report.
      await this.files.remove(temporary).catch(() => {});
      throw error;
    }
    this.machine.accept();
    this.tally.whole(path, size);
  }

  /** Writes contents until the server has sent all of them. If the file cannot be written, reads and drops the remaining bytes. */
  async #contents(file: LocalWriter, path: string): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    let position = 0;
    for (let event = await this.next(); event !== undefined; event = await this.next()) {
      if (event.type === "data") {
        const { data } = event;
        if (failure !== undefined) continue;
        try {
          await file.write([data], position);
        } catch (error) {
          if (this.options.onError !== "skip") throw error;
          failure = { error };
        }
        position += data.length;
        if (failure === undefined) this.tally.moved(path, data.length);
      } else if (event.type === "file-end") {
        if (failure !== undefined) throw failure.error;
        // rule: scp-invalid
        if (event.problem !== undefined) throw problemError("the server could not read the file", event.problem);
        return;
      }
    }
  }

  async #enter({ mode, times }: Of<"directory">, path: string, to: string): Promise<void> {
    const attributes = this.#attributes(mode, times);
    // Its entries must be written before it may become read-only.
    if (!(await this.files.makeDirectory(to, (attributes.mode ?? 0) | 0o700))) {
      // An earlier download may have made a link there, which would lead files out of the tree.
      const follow = path === "" && this.options.followTarget !== false;
      const { type } = follow ? await this.files.stat(to) : /* rule: scp-directory-link */ await this.files.lstat(to);
      if (type !== "directory") throw notDirectory(to, type, this.files.nameRules);
    }
    this.#directories.push({ path, to, attributes, written: new WrittenNames() });
    this.machine.accept();
    this.tally.directory();
  }

  async #leave(): Promise<void> {
    const { path, to, attributes } = this.#directories.pop()!;
    try {
      if (this.options.preserve === true) await this.files.setAttributes(to, attributes);
    } catch (error) {
      this.tally.fail(path, error);
    }
    this.machine.accept();
  }

  /** Returns attributes without set-user-ID, set-group-ID and sticky: the server must not choose what runs with our rights. */
  #attributes(mode: number, times: ScpTimes | undefined): LocalAttributes {
    return {
      mode: mode & /* rule: scp-mode */ 0o777,
      times: times && { atimeMs: 1000 * times.atime, mtimeMs: 1000 * times.mtime },
    };
  }
}
