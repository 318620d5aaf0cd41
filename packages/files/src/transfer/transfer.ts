import { escapeText, SshError } from "@nacre/wire";
import type { LocalStats } from "../local/local-files.ts";
import { Deletion } from "./delete.ts";
import { FilesTransfer, type TransferPlatform } from "./files-transfer.ts";
import { makeLinks, setDirectoryAttributes } from "./finish.ts";
import { HeldDirectories } from "./held-directories.ts";
import { Matches, splitPattern } from "./matches.ts";
import type { TransferOptions, TransferResult } from "./options.ts";
import { Resumption } from "./resume.ts";
import type { TransferRun } from "./run.ts";
import { listTarget } from "./target-listing.ts";
import type { SourceStats, SourceTree, TargetEntry, TargetTree } from "./trees.ts";
import { Walk } from "./walk.ts";

/** One transfer of a file or a tree from one side to the other. Neither side is known here. */
export class Transfer {
  readonly #source: SourceTree;
  readonly #target: TargetTree;
  readonly #held: HeldDirectories;
  readonly #files: FilesTransfer;
  readonly #run: TransferRun;
  readonly #walk: Walk;
  readonly #deletion: Deletion;
  #links = 0;

  /** `isOver` returns whether SFTP has ended, so that no further file can be moved. `name` is that of the call, for its errors. */
  constructor(
    source: SourceTree,
    target: TargetTree,
    options: TransferOptions,
    name: string,
    isOver: () => boolean,
    platform: TransferPlatform = {},
  ) {
    const held = new HeldDirectories(target);
    const { partials } = target;
    const files = new FilesTransfer(source, target, held, { options, name, isOver }, platform, (run, makeHash) =>
      options.resume === true && partials !== undefined
        ? new Resumption(source, target, partials, run, makeHash)
        : undefined,
    );
    this.#source = source;
    this.#target = target;
    this.#held = held;
    this.#files = files;
    this.#run = files.run;
    this.#walk = new Walk(source, target, held, files.run, files.mover);
    this.#deletion = new Deletion(target, held, files.run);
  }

  /** Moves a file or directory. Settles when nothing is under way any more. */
  run(from: string, to: string): Promise<TransferResult> {
    return this.#settle(from, () => this.#root(from, to));
  }

  /** Moves what matches a pattern into a directory. Settles when nothing is under way any more. */
  runMatches(pattern: string, to: string): Promise<TransferResult> {
    return this.#settle(pattern, () => this.#matches(pattern, to));
  }

  async #settle(from: string, start: () => Promise<void>): Promise<TransferResult> {
    try {
      await this.#files.settle(from, start, () => this.#finish());
    } finally {
      await this.#held.close();
    }
    return this.#files.result(this.#walk.madeDirectories, this.#links, this.#deletion.deleted);
  }

  async #finish(): Promise<void> {
    this.#links = await makeLinks(this.#source, this.#target, this.#held, this.#run, this.#walk.links);
    await this.#files.verification.finish();
    await this.#deletion.run(this.#walk.extras);
    await setDirectoryAttributes(this.#target, this.#held, this.#run, this.#walk.directories);
  }

  async #root(from: string, to: string): Promise<void> {
    const { name, options } = this.#run;
    const stats = await this.#source.stat(from, this.#run.context(from));
    if (stats.type === "file") {
      await this.#file(from, to, stats);
    } else if (stats.type !== "directory") {
      throw new SshError("usage", `${name} "${escapeText(from)}": it is neither a file nor a directory`);
    } else if (options.recursive !== true) {
      throw new SshError("usage", `${name} "${escapeText(from)}": it is a directory; pass { recursive: true }`);
    } else {
      await this.#walk.directory(await this.#walk.root(from, to, stats));
    }
  }

  async #file(from: string, to: string, stats: SourceStats): Promise<void> {
    const { name, options } = this.#run;
    if (options.delete === true)
      throw new SshError("usage", `${name} "${escapeText(from)}": it is a file; \`delete\` needs a directory`);
    await this.#target.refuseSpecial?.(to, this.#run.context(to));
    const existing = options.update === undefined ? undefined : await this.#lstat(to);
    const partials = options.resume === true ? await this.#partialsOf(to) : [];
    const place = { directory: undefined, name: "", path: to };
    await this.#files.mover.start({ path: "", from, to: place, stats, isFollowed: true, existing, partials });
  }

  /** Returns the attributes of the target; `undefined` if it does not exist. */
  #lstat(to: string): Promise<LocalStats | undefined> {
    return this.#ifReadable(() => this.#target.lstat(to, this.#run.context(to)), undefined);
  }

  /** Returns the partial files of the target. Its directory may be one that cannot be listed. */
  #partialsOf(to: string): Promise<readonly TargetEntry[]> {
    const { directory, name } = this.#target.split(to);
    const context = this.#run.context(directory);
    return this.#ifReadable(async () => (await listTarget(this.#target, directory, context)).partialsOf(name), []);
  }

  async #ifReadable<T>(read: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (this.#run.hasFailed || !(error instanceof SshError)) throw error;
      return otherwise;
    }
  }

  async #matches(text: string, to: string): Promise<void> {
    const { directory, pattern } = splitPattern(text);
    const stats = await this.#source.stat(directory, this.#run.context(directory));
    const root = await this.#walk.root(directory, to, stats);
    await new Matches(this.#source, this.#target, this.#run, this.#walk, this.#files.mover).start(root, pattern);
  }
}
