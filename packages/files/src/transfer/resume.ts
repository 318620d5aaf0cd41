import { type Chunk, joined } from "../local/chunk.ts";
import type { LocalStats, Sha256 } from "../local/local-files.ts";
import type { Sha256Maker } from "../local/sha256.ts";
import { isReusedHandle } from "../remote/open-turns.ts";
import { isSameRecord, parsePartialName, partialName, type SourceRecord, sourceRecord } from "./partial-name.ts";
import type { TransferRun } from "./run.ts";
import type {
  NewAttributes,
  PartialFile,
  PartialFiles,
  ReadOptions,
  SourceTree,
  TargetEntry,
  TargetTree,
} from "./trees.ts";

/** Length in bytes of the buffer that a part is read with. */
const BUFFER_LENGTH = 256 * 1024;

/** A file to move, and what is known about parts of it. */
export interface ResumableFile {
  readonly from: string;
  /** Path at the target. */
  readonly to: string;
  readonly stats: LocalStats;
  /** Whether `from` may be a symbolic link. */
  readonly isFollowed: boolean;
  /** Listed partial files of this name. */
  readonly partials: readonly TargetEntry[];
  readonly attributes: NewAttributes;
}

/** What a resumed file begins with. */
export interface Beginning {
  /** Length in bytes of the part. */
  readonly length: number;
  /** SHA-256 computation of the part; `undefined` if it was not computed on this side. */
  readonly hash: Sha256 | undefined;
  /** Why the part could not be compared with the source; `undefined` if it was. */
  readonly problem: string | undefined;
}

/** Continues files that earlier transfers left incomplete. */
export class Resumption {
  readonly #source: SourceTree;
  readonly #target: TargetTree;
  readonly #partials: PartialFiles;
  readonly #run: TransferRun;
  readonly #makeHash: Sha256Maker;

  constructor(source: SourceTree, target: TargetTree, partials: PartialFiles, run: TransferRun, makeHash: Sha256Maker) {
    this.#source = source;
    this.#target = target;
    this.#partials = partials;
    this.#run = run;
    this.#makeHash = makeHash;
  }

  /**
   * Writes a file, or the rest of it, under a name that records its source, and renames it when it is whole. After a failure the part
   * stays. Resolves with false, having done nothing, if the name or the source allows no part.
   */
  async write(file: ResumableFile, contents: (beginning: Beginning) => AsyncIterable<Chunk>): Promise<boolean> {
    const record = sourceRecord(file.stats);
    const { directory, name } = this.#target.split(file.to);
    const partial = record && partialName(name, record);
    if (record === undefined || partial === undefined) return false;
    try {
      await this.#write(file, record, directory, partial, contents);
    } catch (error) {
      // Any part may have got bytes of another file.
      // rule: transfer-shared-part
      if (isReusedHandle(error))
        for (const part of [partial, ...file.partials.map((entry) => entry.name)])
          await this.#target.discard(this.#target.join(directory, part));
      throw error;
    }
    return true;
  }

  async #write(
    file: ResumableFile,
    record: SourceRecord,
    directory: string,
    partial: string,
    contents: (beginning: Beginning) => AsyncIterable<Chunk>,
  ): Promise<void> {
    const path = this.#target.join(directory, partial);
    const context = this.#run.context(file.to);
    const continued = await this.#continue(file, record, directory, path);
    const { opened, beginning } = continued ?? {
      opened: await this.#partials.create(path, file.attributes.mode, context),
      beginning: NOTHING,
    };
    await opened.write(path, contents(beginning), file.attributes, context);
    await this.#target.rename(path, file.to, context);
    // What is left of this name is of no use any more.
    for (const { name: other } of file.partials)
      if (other !== continued?.name) await this.#target.discard(this.#target.join(directory, other));
  }

  /** Opens the longest part that may be continued, and gives it a new name, so that no other transfer continues it too. */
  async #continue(
    file: ResumableFile,
    record: SourceRecord,
    directory: string,
    path: string,
  ): Promise<{ readonly name: string; readonly opened: PartialFile; readonly beginning: Beginning } | undefined> {
    const context = this.#run.context(file.to);
    const candidates = file.partials.filter((entry) => isCandidate(entry, record)).toSorted((a, b) => b.size - a.size);
    for (const entry of candidates) {
      const old = this.#target.join(directory, entry.name);
      const opened = await this.#partials.open(old, entry, context);
      if (opened === undefined) continue;
      try {
        if (opened.size <= record.size) {
          await this.#target.rename(old, path, context);
          const beginning = await this.#compare(file, path, opened);
          if (beginning !== undefined) return { name: entry.name, opened, beginning };
          await this.#target.discard(path);
        }
      } catch (error) {
        await opened.close();
        throw error;
      }
      await opened.close();
    }
    return undefined;
  }

  /** Compares a part with the beginning of its source. Resolves with `undefined` if they differ. */
  async #compare(file: ResumableFile, path: string, opened: PartialFile): Promise<Beginning | undefined> {
    const { size: length } = opened;
    if (length === 0) return NOTHING;
    const { remote: source } = this.#source;
    const { remote: target } = this.#target;
    const context = this.#run.context(file.to);
    const there = [
      ...(source === undefined ? [] : [await this.#digestOf(source.prefix(file.from, length, context), file.from)]),
      ...(target === undefined ? [] : [await this.#digestOf(target.whole([path], context), path)]),
    ];
    const problem = there.find(({ digest }) => digest === undefined)?.reason;
    const [first, second] = there;
    if (second !== undefined)
      return problem !== undefined || first!.digest === second.digest
        ? { length, hash: undefined, problem }
        : undefined;
    // `verify` compares the whole file in the end, and then needs the digest of the part.
    if (problem !== undefined && this.#run.options.verify !== "sha256") return { length, hash: undefined, problem };
    const hash = await this.#hash(source === undefined ? this.#readSource(file, length) : readPart(opened));
    const isSame = /* rule: transfer-partial-content */ hash.digest() === first!.digest;
    return problem !== undefined || isSame ? { length, hash, problem } : undefined;
  }

  async #digestOf(
    digesting: Promise<{ readonly byPath: ReadonlyMap<string, string>; readonly reason: string }>,
    path: string,
  ): Promise<{ readonly digest: string | undefined; readonly reason: string }> {
    const { byPath, reason } = await digesting;
    return { digest: byPath.get(path), reason };
  }

  async #hash(chunks: AsyncIterable<Uint8Array>): Promise<Sha256> {
    const hash = await this.#makeHash();
    for await (const chunk of chunks) hash.update(chunk);
    return hash;
  }

  async *#readSource({ from, isFollowed }: ResumableFile, length: number): AsyncGenerator<Uint8Array, void> {
    const options: ReadOptions = { start: 0, size: length, follow: isFollowed };
    let rest = length;
    for await (const chunk of joined(this.#source.read(from, options, this.#run.context(from)))) {
      yield chunk.subarray(0, rest);
      rest -= Math.min(rest, chunk.length);
      if (rest === 0) return;
    }
  }
}

const NOTHING: Beginning = { length: 0, hash: undefined, problem: undefined };

function isCandidate({ name, type, size }: TargetEntry, record: SourceRecord): boolean {
  const recorded = parsePartialName(name)?.record;
  return (
    type === "file" &&
    size <= record.size &&
    recorded !== undefined &&
    /* rule: transfer-partial-record */ isSameRecord(recorded, record)
  );
}

async function* readPart(part: PartialFile): AsyncGenerator<Uint8Array, void> {
  const buffer = new Uint8Array(BUFFER_LENGTH);
  for (let position = 0; position < part.size; ) {
    const count = await part.read!(buffer.subarray(0, part.size - position), position);
    if (count === 0) return;
    yield buffer.subarray(0, count);
    position += count;
  }
}
