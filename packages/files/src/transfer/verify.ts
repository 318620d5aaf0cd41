import { SftpError } from "@nacre/sftp";
import { escapeText, SshError } from "@nacre/wire";
import { isReusedHandle } from "../channel/open-queue.ts";
import type { Sha256Maker } from "../local/sha256.ts";
import type { HeldDirectories, TargetPlace } from "./held-directories.ts";
import type { UnverifiedEntry } from "./options.ts";
import type { TransferRun } from "./run.ts";
import type { RemoteDigests } from "./sides/remote-digests.ts";
import { forEach, MOST_FILES } from "./sides/slots.ts";
import type { TokenBucket } from "./sides/token-bucket.ts";
import type { SourceFiles, TargetFiles } from "./sides/trees.ts";

/** A file that has been moved. */
export interface MovedFile {
  /** Path below the root. */
  readonly path: string;
  readonly from: string;
  readonly to: TargetPlace;
  /** Size in bytes. */
  readonly size: number;
  /** SHA-256 of the bytes moved, in lowercase hexadecimal; `undefined` if it is not needed. */
  readonly digest: string | undefined;
}

/** What a `Verification` works with. */
export interface VerificationParts {
  readonly source: SourceFiles;
  readonly target: TargetFiles;
  readonly held: HeldDirectories;
  readonly run: TransferRun;
  readonly makeHash: Sha256Maker;
  /** Limits the rate. */
  readonly bucket: TokenBucket | undefined;
}

/** Compares files after they have been moved. */
export class Verification {
  /** Number of files that are the same on both sides. */
  verified = 0;
  /** Files that were continued without a comparison. */
  readonly unverified: UnverifiedEntry[] = [];
  readonly #parts: VerificationParts;
  readonly #run: TransferRun;
  /** Files whose digests are compared at the end, with one command for all. */
  readonly #moved: MovedFile[] = [];

  constructor(parts: VerificationParts) {
    this.#parts = parts;
    this.#run = parts.run;
  }

  /** Whether the digest of the bytes moved is needed. */
  get needsDigest(): boolean {
    const { source, target } = this.#parts;
    const hasBoth = source.remote !== undefined && target.remote !== undefined;
    return this.#run.options.verify === "sha256" && !hasBoth;
  }

  /** Compares the sizes of a moved file, or notes the file for the end. */
  async add(file: MovedFile): Promise<void> {
    const { verify } = this.#run.options;
    if (verify === "size") await this.#compareSizes(file);
    else if (verify === "sha256" && this.#run.remember()) this.#moved.push(file);
  }

  /** Notes that a partial file was continued without a comparison. */
  note(path: string, reason: string): void {
    if (this.#run.remember()) this.unverified.push({ path, reason });
  }

  /** Compares the digests of all files that have been moved. */
  async finish(): Promise<void> {
    const run = this.#run;
    if (this.#moved.length === 0 || run.hasFailed) return;
    await run.attempt("", async () => {
      const source = await this.#digests(this.#parts.source.remote, ({ from }) => from);
      const target = await this.#digests(this.#parts.target.remote, ({ to }) => to.path);
      const compare = async (file: MovedFile): Promise<void> => {
        const [moved, found] = await Promise.all([source(file), target(file)]);
        if (moved !== found) throw this.#different(file, `SHA-256 ${moved}`, found);
        this.verified++;
      };
      // Files without a digest are opened and read back.
      const { source: from, target: to } = this.#parts;
      const most = Math.min(from.mostFiles ?? MOST_FILES, to.mostFiles ?? MOST_FILES);
      const again: MovedFile[] = [];
      const compareOrDefer = (file: MovedFile): Promise<void> =>
        compare(file).catch((error: unknown) => {
          if (!isReusedHandle(error)) throw error;
          again.push(file);
        });
      await forEach(this.#moved, (file) => run.attempt(file.path, () => compareOrDefer(file)), most);
      await forEach(again, (file) => run.attempt(file.path, () => compare(file)), 1);
    });
  }

  /**
   * Asks a server for the digests of all files. Resolves with a function that returns the digest of one file; if the server gave none, the
   * file is read from it again. Without `remote`, the digests are those of the bytes moved.
   */
  async #digests(remote: RemoteDigests | undefined, pathOf: (file: MovedFile) => string): Promise<DigestOf> {
    if (remote === undefined) return async ({ digest }) => digest!;
    const paths = this.#moved.map(pathOf);
    const { byPath, reason } = await remote.whole(paths, this.#run.context(paths[0]!));
    return async (file) => {
      const path = pathOf(file);
      try {
        return (
          byPath.get(path) ??
          /* rule: transfer-verified */ (await remote.readBack(path, file.size, this.#parts, this.#run.context(path)))
        );
      } catch (error) {
        if (!(error instanceof SftpError)) throw error;
        const message = `${this.#shown(file)} cannot be verified: ${reason}; and it cannot be read back: ${error.message}`;
        throw new SshError(error.code, message, { cause: error });
      }
    };
  }

  async #compareSizes(file: MovedFile): Promise<void> {
    const { from, to, size } = file;
    const run = this.#run;
    const [source, target] = await Promise.all([
      this.#parts.source.stat(from, run.context(from)),
      this.#parts.held.at(to, (place) => this.#parts.target.lstat(place, run.context(to.path))),
    ]);
    for (const side of [source, target]) {
      if (side === undefined || ("isUnsized" in side && side.isUnsized === true)) continue;
      if (side.size !== size) throw this.#different(file, `${size} bytes`, String(side.size));
    }
    this.verified++;
  }

  #different(file: MovedFile, moved: string, found: string): SshError {
    return new SshError(
      "sftp-failure",
      `${this.#shown(file)} is not the same on both sides: ${moved} here, ${found} there; it changed meanwhile or was damaged, transfer it again`,
    );
  }

  /** Returns the name of a file for messages. A single file has no path below its root, and a stream only that of its copy. */
  #shown({ path, from, to }: MovedFile): string {
    if (path !== "" || from === "") return `"${escapeText(path || to.path)}"`;
    return `"${this.#parts.source.show(from)}"`;
  }
}

type DigestOf = (file: MovedFile) => Promise<string>;
