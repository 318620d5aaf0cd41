import { escapeText, SshError } from "@nacre/wire";
import type { HeldDirectories, TargetPlace } from "./held-directories.ts";
import type { UnverifiedEntry } from "./options.ts";
import type { RemoteDigests } from "./remote-digests.ts";
import type { TransferRun } from "./run.ts";
import type { SourceFiles, TargetFiles } from "./trees.ts";

/** A file that has been moved. */
export interface MovedFile {
  /** Path below the root. */
  readonly path: string;
  readonly from: string;
  readonly to: TargetPlace;
  /** Size in bytes. */
  readonly size: number;
  /** SHA-256 of the bytes moved, in lowercase hexadecimal; `undefined` if it was not computed. */
  readonly digest: string | undefined;
}

/** Compares files after they have been moved. */
export class Verification {
  /** Number of files that are the same on both sides. */
  verified = 0;
  readonly unverified: UnverifiedEntry[] = [];
  readonly #source: SourceFiles;
  readonly #target: TargetFiles;
  readonly #held: HeldDirectories;
  readonly #run: TransferRun;
  /** Files whose digests are compared at the end, by one command for all. */
  readonly #moved: MovedFile[] = [];

  constructor(source: SourceFiles, target: TargetFiles, held: HeldDirectories, run: TransferRun) {
    this.#source = source;
    this.#target = target;
    this.#held = held;
    this.#run = run;
  }

  /** Whether the digest of the bytes moved is needed. */
  get needsDigest(): boolean {
    const hasBoth = this.#source.remote !== undefined && this.#target.remote !== undefined;
    return this.#run.options.verify === "sha256" && !hasBoth;
  }

  /** Compares the sizes of a file that has been moved, or notes it for the end. */
  async add(file: MovedFile): Promise<void> {
    const { verify } = this.#run.options;
    if (verify === "size") await this.#compareSizes(file);
    else if (verify === "sha256" && this.#run.remember()) this.#moved.push(file);
  }

  /** Notes that something could not be compared. */
  note(path: string, part: UnverifiedEntry["part"], reason: string): void {
    if (this.#run.remember()) this.unverified.push({ path, part, reason });
  }

  /** Compares the digests of all files that have been moved. */
  async finish(): Promise<void> {
    if (this.#moved.length === 0 || this.#run.hasFailed) return;
    await this.#run.attempt("", async () => {
      const source = await this.#digests(this.#source.remote, ({ from }) => from);
      const target = await this.#digests(this.#target.remote, ({ to }) => to.path);
      for (const file of this.#moved) this.#compareDigests(file, source, target);
    });
  }

  async #digests(remote: RemoteDigests | undefined, pathOf: (file: MovedFile) => string): Promise<DigestOf> {
    if (remote === undefined) return ({ digest }) => ({ digest, reason: "it was continued from an unknown part" });
    const paths = this.#moved.map(pathOf);
    const { byPath, reason } = await remote.whole(paths, this.#run.context(paths[0]!));
    return (file) => ({ digest: byPath.get(pathOf(file)), reason });
  }

  #compareDigests(file: MovedFile, sourceOf: DigestOf, targetOf: DigestOf): void {
    const { path } = file;
    const source = sourceOf(file);
    const target = targetOf(file);
    if (source.digest === undefined || target.digest === undefined)
      this.note(path, "whole", source.digest === undefined ? source.reason : target.reason);
    else if (source.digest === target.digest) this.verified++;
    else this.#run.fail(path, different(path, `SHA-256 ${source.digest}`, target.digest));
  }

  async #compareSizes({ path, from, to, size }: MovedFile): Promise<void> {
    const run = this.#run;
    const [source, target] = await Promise.all([
      this.#source.stat(from, run.context(from)),
      this.#held.at(to, (place) => this.#target.lstat(place, run.context(to.path))),
    ]);
    for (const side of [source, target]) {
      if (side === undefined || ("isUnsized" in side && side.isUnsized === true)) continue;
      if (side.size !== size) throw different(path, `${size} bytes`, String(side.size));
    }
    this.verified++;
  }
}

type DigestOf = (file: MovedFile) => { readonly digest: string | undefined; readonly reason: string };

function different(path: string, moved: string, found: string): SshError {
  return new SshError(
    "sftp-failure",
    `"${escapeText(path)}" is not the same on both sides: ${moved} here, ${found} there; it changed meanwhile or was damaged, transfer it again`,
  );
}
