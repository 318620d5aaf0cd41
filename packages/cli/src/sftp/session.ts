import { join, resolve } from "node:path";
import type { LocalFiles } from "@nacre/files";
import type { Sftp } from "@nacre/node";
import { devicePath, isNullDevice, type ProgramCall, showPath } from "@nacre/node/extend";
import { escapeText, SshError } from "@nacre/wire";
import type { ProgressBar } from "../cp/progress-bar.ts";
import { type GlobTree, glob } from "../glob.ts";
import { explain } from "../say.ts";
import type { Word } from "./words.ts";

/** How a session prints and runs programs. */
export interface SessionOutput {
  /** Prints to standard output. */
  readonly write: (text: string) => void;
  /** Prints a line to standard error. */
  readonly say: (text: string) => void;
  /** Returns the number of columns of the terminal. */
  readonly columns: () => number;
  /** Shows the progress of transfers; `undefined` shows none. */
  readonly bar: ProgressBar | undefined;
  /** Runs a program of this machine in a directory, with this process's standard streams. Resolves with its exit status. */
  readonly run: (call: ProgramCall, directory: string) => Promise<number>;
}

/** Settings that apply to every command of a session. */
export interface SessionSettings {
  /** Whether `get` and `put` take directories without `-r`. */
  readonly recursive: boolean;
  /** Whether they preserve times and modes without `-p`. */
  readonly preserve: boolean;
  /** Whether they store files durably without `-f`. */
  readonly flush: boolean;
  /** Whether they resume without `-a`. */
  readonly resume: boolean;
  /** Maximum rate in bytes per second; `undefined` for no maximum. */
  readonly limit: number | undefined;
  /** Whether transfers are not announced. */
  readonly quiet: boolean;
}

/** Parts that a session uses. */
export interface SessionSetup {
  /** SFTP to the server. The caller closes it. */
  readonly sftp: Sftp;
  /** Files of this machine. */
  readonly files: LocalFiles;
  /** The user's directory on the server. */
  readonly home: string;
  /** First directory on this machine. */
  readonly localDirectory: string;
  /** Where the session prints. */
  readonly output: SessionOutput;
  /** Settings that apply to every command. */
  readonly settings: SessionSettings;
}

/** State of `nacre sftp` that its commands use and change. */
export class Session {
  /** SFTP to the server. */
  readonly sftp: Sftp;
  /** Files of this machine. */
  readonly files: LocalFiles;
  /** The user's directory on the server. */
  readonly home: string;
  /** Where the session prints. */
  readonly output: SessionOutput;
  /** Settings that apply to every command. */
  readonly settings: SessionSettings;
  /** Directory on the server to which paths are relative. */
  directory: string;
  /** Directory on this machine to which local paths are relative. */
  localDirectory: string;
  /** Whether transfers show their progress. */
  showsProgress = true;
  /** Whether the session ends after the current command. */
  isOver = false;
  /** Whether the current command has failed, even in part. */
  hasFailed = false;
  /** Whether SFTP has ended, so that no further command can succeed. */
  hasEnded = false;
  /** Aborts the current command. */
  signal: AbortSignal = new AbortController().signal;

  constructor({ sftp, files, home, localDirectory, output, settings }: SessionSetup) {
    this.sftp = sftp;
    this.files = files;
    this.home = home;
    this.output = output;
    this.settings = settings;
    this.directory = home;
    this.localDirectory = localDirectory;
    void sftp.ended.then(() => {
      this.hasEnded = true;
    });
  }

  /** Returns the absolute path of a path on the server. */
  remotePath(path: string): string {
    return path.startsWith("/") ? path : joinRemote(this.directory, path);
  }

  /** Returns the absolute path of a path on this machine. */
  localPath(path: string): string {
    return isNullDevice(path) ? devicePath(path) : resolve(this.localDirectory, path);
  }

  /** Returns a path as `ls` shows it: relative if it is below the session's directory. */
  shortPath(path: string): string {
    const prefix = joinRemote(this.directory, "");
    return path.startsWith(prefix) && path.length > prefix.length ? path.slice(prefix.length) : path;
  }

  /** Expands a word to sorted paths on the server. Rejects with `sftp-no-such-file` if a pattern matches no file. */
  async expandRemote(word: Word): Promise<readonly string[]> {
    if (!word.isPattern) return [this.remotePath(word.text)];
    const matches: string[] = [];
    const { signal } = this;
    for await (const match of this.sftp.glob(word.pattern, { cwd: this.directory, signal })) matches.push(match);
    // A file may have the pattern as its name.
    if (matches.length === 0 && (await this.#exists(word.text))) matches.push(word.text);
    if (matches.length === 0) throw new SshError("sftp-no-such-file", `"${escapeText(word.text)}" matches no file`);
    return matches.sort().map((match) => this.remotePath(match));
  }

  /** Expands a word to sorted paths on this machine. Rejects with `file-unreadable` if a pattern matches no file. */
  async expandLocal(word: Word): Promise<readonly string[]> {
    if (!word.isPattern) return [this.localPath(word.text)];
    const matches = await glob(word.pattern, this.#localTree());
    if (matches.length === 0) {
      if (await this.#localTree().exists(word.text)) return [this.localPath(word.text)];
      throw new SshError("file-unreadable", `"${showPath(word.text)}" matches no file here`);
    }
    return matches.map((match) => this.localPath(match));
  }

  /** Prints a line. Escape names in it with `shown`. */
  print(line: string): void {
    this.output.write(`${line}\n`);
  }

  /** Prints what a command does, unless the session is quiet. */
  announce(line: string): void {
    if (!this.settings.quiet) this.print(line);
  }

  /** Prints an error in one line. The current command counts as failed. */
  complain(error: SshError): void {
    this.fail(`nacre: ${explain(error)}`);
  }

  /** Prints a line about something that failed. */
  fail(line: string): void {
    this.hasFailed = true;
    this.output.bar?.clear();
    this.output.say(line);
  }

  /**
   * Does the work for each item. Prints errors, and goes on with the next item. Rejects if the session has ended or the
   * command was aborted, because no further item can succeed.
   */
  async each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    for (const item of items) {
      try {
        await work(item);
      } catch (error) {
        if (!(error instanceof SshError) || this.signal.aborted || this.hasEnded) throw error;
        this.complain(error);
      }
    }
  }

  async #exists(path: string): Promise<boolean> {
    try {
      await this.sftp.lstat(this.remotePath(path), { signal: this.signal });
      return true;
    } catch (error) {
      if (error instanceof SshError && error.code.startsWith("sftp-")) return false;
      throw error;
    }
  }

  #localTree(): GlobTree {
    const { files } = this;
    return {
      list: async (directory) => {
        const entries = [];
        for await (const { name, type } of files.list(this.localPath(directory || ".")))
          entries.push({ name, mayBeDirectory: type === "directory" || type === "link" });
        return entries;
      },
      exists: (path) =>
        files.lstat(this.localPath(path)).then(
          () => true,
          () => false,
        ),
      join,
    };
  }
}

/** Returns the path of a name in a directory on the server. */
export function joinRemote(directory: string, name: string): string {
  return directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
}

/** Returns the last name of a path on the server. */
export function baseRemote(path: string): string {
  const names = path.split("/").filter((name) => name !== "");
  return names.at(-1) ?? "/";
}

/** Returns a name of a file for the terminal. The server, or another user, may have put control characters into it. */
export function shown(name: string): string {
  // rule: sftp-name-escaped
  return escapeText(name);
}
