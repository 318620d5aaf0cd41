import { utf8Encode } from "@nacre/wire";
import type { CallContext } from "../channel/call.ts";
import { isReusedHandle } from "../channel/open-queue.ts";
import { type Chunk, joined } from "../local/chunk.ts";
import type { LocalStats, Sha256 } from "../local/local-files.ts";
import { LONGEST_NAME, randomName } from "../local/names.ts";
import type { Sha256Maker } from "../local/sha256.ts";
import type { TransferRun } from "./run.ts";
import type {
  NewAttributes,
  PartialFile,
  PartialFiles,
  ReadOptions,
  SourceTree,
  TargetEntry,
  TargetTree,
} from "./sides/trees.ts";

/** Length in bytes of the buffer for reading a partial file. */
const BUFFER_LENGTH = 256 * 1024;

/** Permission bits that the owner needs to continue a partial file. */
const CONTINUABLE = 0o600;

/** A file to move, and its partial files. */
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

/** The resumed beginning of a file. */
export interface Beginning {
  /** Length in bytes. */
  readonly length: number;
  /** SHA-256 state after these bytes; `undefined` if this side did not digest them. */
  readonly hash: Sha256 | undefined;
  /** Why it could not be compared with the source; `undefined` if it was compared. */
  readonly problem: string | undefined;
}

/** Continues partial files of earlier transfers. */
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
   * Writes a file, or the part that is missing, under a name that records its source, and renames it when it is complete. After a failure
   * the partial file stays. Does nothing and resolves with false if the name or the source allows no partial file.
   */
  async write(file: ResumableFile, contents: (beginning: Beginning) => AsyncIterable<Chunk>): Promise<boolean> {
    const record = sourceRecord(file.stats);
    const { directory, name } = this.#target.split(file.to);
    const partial = record && partialName(name, record);
    if (record === undefined || partial === undefined) return false;
    for (const entry of file.partials) this.#run.taken.add(entry);
    try {
      await this.#write(file, record, directory, partial, contents);
    } catch (error) {
      // Each partial file may contain bytes of another file.
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
    const { mode } = file.attributes;
    const continued = await this.#continue(file, record, directory, path);
    const { opened, beginning } = continued ?? {
      opened: await this.#partials.create(path, mode === undefined ? undefined : mode | CONTINUABLE, context),
      beginning: NOTHING,
    };
    const attributes = await this.#finalAttributes(path, file.attributes, context).catch(async (error: unknown) => {
      await opened.close();
      throw error;
    });
    await opened.write(path, contents(beginning), attributes, context);
    await this.#target.rename(path, file.to, context);
    // Other partial files of this name are useless now.
    for (const { name: other } of file.partials)
      if (other !== continued?.name) await this.#target.discard(this.#target.join(directory, other));
  }

  /** Returns the attributes of the whole file, without permission bits that only a partial file needs. */
  async #finalAttributes(path: string, attributes: NewAttributes, context: CallContext): Promise<NewAttributes> {
    const { mode, exact } = attributes;
    if (mode === undefined || (mode & CONTINUABLE) === CONTINUABLE || exact?.mode !== undefined) return attributes;
    // The umask of the target has applied to this one.
    const created = (await this.#target.lstat(path, context))?.mode ?? mode;
    return { ...attributes, exact: { ...exact, mode: mode & created } };
  }

  /** Opens the longest partial file that may be continued, and renames it, so that no other transfer continues it, too. */
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

  /** Compares a partial file with the beginning of its source. Resolves with `undefined` if they differ. */
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
    // `verify` compares the whole file at the end, and needs the digest of this part for it.
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

/** Size and time of a source when its transfer began. */
export interface SourceRecord {
  /** Size in bytes. */
  readonly size: number;
  /** Time of the last change in whole milliseconds since 1970. */
  readonly mtimeMs: number;
}

/** Parsed name of a partial file. */
export interface PartialName {
  /** Name of the complete file. */
  readonly name: string;
  readonly record: SourceRecord;
}

/** Returns the record of a source; `undefined` if its size or time is unknown, so that a change could not be detected. */
export function sourceRecord({
  size,
  mtimeMs,
  isUnsized,
}: LocalStats & { readonly isUnsized?: boolean | undefined }): SourceRecord | undefined {
  if (mtimeMs === undefined || isUnsized === true) return undefined;
  const whole = Math.floor(mtimeMs);
  return Number.isSafeInteger(size) && Number.isSafeInteger(whole) && whole >= 0 ? { size, mtimeMs: whole } : undefined;
}

/**
 * Returns a new name `.NAME.nacre-RANDOM-SIZE-MTIME` for a partial file, at most 255 bytes long; `undefined` if NAME is too
 * long. Numbers are in base 36. The record is part of the name, so that it exists as soon as the file does, needs no second file, and
 * survives a move of the directory.
 */
export function partialName(name: string, { size, mtimeMs }: SourceRecord): string | undefined {
  if (utf8Encode(name).length > LONGEST_NAME) return undefined;
  return `.${name}.nacre-${randomName()}-${size.toString(36)}-${mtimeMs.toString(36)}`;
}

/** Parses the name of a partial file. Returns `undefined` for any other name. */
export function parsePartialName(text: string): PartialName | undefined {
  const [, name, size, mtimeMs] = PARTIAL_NAME.exec(text) ?? [];
  if (name === undefined || size === undefined || mtimeMs === undefined) return undefined;
  return { name, record: { size: Number.parseInt(size, 36), mtimeMs: Number.parseInt(mtimeMs, 36) } };
}

const PARTIAL_NAME = /^\.(.+)\.nacre-[0-9a-f]{24}-([0-9a-z]{1,11})-([0-9a-z]{1,11})$/s;

/** Returns whether a source has the size and time that were recorded. */
export function isSameRecord(a: SourceRecord, b: SourceRecord): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs;
}
