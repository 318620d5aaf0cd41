import * as fs from "node:fs";
import type { LocalAttributes } from "@nacre/files";
import { diskTurn } from "./turn-budget.ts";

/**
 * Makes a call about a name or an open file: at once while the turn has time left and the disk is not slow, else in the thread pool, where
 * a short call takes several times as much CPU time.
 */
export function soon<T>(now: () => T, later: () => Promise<T>): T | Promise<T> {
  const done = diskTurn.attempt(() => ({ value: now() }));
  return done === undefined ? later() : done.value;
}

type Done<T> = (error?: Error | null, value?: T) => void;

/** Makes a call of `node:fs` that takes a callback. */
function pooled<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error);
      else resolve(value as T);
    });
  });
}

/** A file of the disk that is open. Close it in any case. */
export class LocalFile {
  /** `undefined` after `close`: the system gives the number to the next file. */
  #descriptor: number | undefined;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Opens a file with flags of open(2). */
  static async open(path: string | Buffer, flags: number, mode?: number): Promise<LocalFile> {
    const now = (): number => fs.openSync(path, flags, mode);
    return new LocalFile(await soon(now, () => pooled<number>((done) => fs.open(path, flags, mode, done))));
  }

  get #open(): number {
    if (this.#descriptor === undefined) throw new Error("the file is closed");
    return this.#descriptor;
  }

  /** Returns the attributes of the file. */
  stat(): fs.Stats | Promise<fs.Stats> {
    const fd = this.#open;
    return soon(
      () => fs.fstatSync(fd),
      () => pooled<fs.Stats>((done) => fs.fstat(fd, done)),
    );
  }

  /** Reads into `buffer` from `position`. Returns the number of bytes, 0 at the end of the file. */
  read(buffer: Uint8Array, position: number): number | Promise<number> {
    const [fd, { length }] = [this.#open, buffer];
    return soon(
      () => fs.readSync(fd, buffer, 0, length, position),
      () => pooled<number>((done) => fs.read(fd, buffer, 0, length, position, done)),
    );
  }

  /** Writes all bytes of the pieces at `position`, one piece after the other. */
  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    const fd = this.#open;
    let at = position;
    for (let rest = pieces; rest.length > 0; ) {
      const [left, from] = [rest, at];
      const written = await soon(
        () => fs.writevSync(fd, left, from),
        () => pooled<number>((done) => fs.writev(fd, left, from, done)),
      );
      at += written;
      rest = without(rest, written);
    }
  }

  /** Sets the given attributes. */
  async setAttributes({ mode, times }: LocalAttributes): Promise<void> {
    const fd = this.#open;
    if (times !== undefined) {
      const [atime, mtime] = [times.atimeMs / 1000, times.mtimeMs / 1000];
      await soon(
        () => fs.futimesSync(fd, atime, mtime),
        () => pooled<void>((done) => fs.futimes(fd, atime, mtime, done)),
      );
    }
    if (mode !== undefined)
      await soon(
        () => fs.fchmodSync(fd, mode),
        () => pooled<void>((done) => fs.fchmod(fd, mode, done)),
      );
  }

  /** Stores the file durably. That waits for the disk, so always in the thread pool. */
  async sync(): Promise<void> {
    const fd = this.#open;
    await pooled<void>((done) => fs.fsync(fd, done));
  }

  /** Closes the file, once. */
  close(): void | Promise<void> {
    const fd = this.#descriptor;
    if (fd === undefined) return undefined;
    this.#descriptor = undefined;
    return soon(
      () => fs.closeSync(fd),
      () => pooled<void>((done) => fs.close(fd, done)),
    );
  }
}

/** Returns pieces without their first `length` bytes. */
function without(pieces: readonly Uint8Array[], length: number): readonly Uint8Array[] {
  let left = length;
  for (const [index, piece] of pieces.entries()) {
    if (left < piece.length) return [piece.subarray(left), ...pieces.slice(index + 1)];
    left -= piece.length;
  }
  return [];
}
