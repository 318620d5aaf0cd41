import type { StatVfs } from "@nacre/sftp";
import { FileSystemError } from "./file-error.ts";

/** Unit of the facts below in bytes. */
const BLOCK = 4096;

/** Maximum length of a name in bytes, as on Linux. */
export const MAX_NAME_LENGTH = 255;

/** Counts the bytes and files of a file system in memory. */
export class MemorySpace {
  /** Maximum number of bytes in all files. */
  readonly capacity: number;
  readonly #maxFiles: number;
  #bytes = 0;
  #files = 0;

  constructor(capacity: number, maxFiles: number) {
    this.capacity = capacity;
    this.#maxFiles = maxFiles;
  }

  /** Number of bytes in all files. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of files, directories and symbolic links. */
  get files(): number {
    return this.#files;
  }

  /** Throws ENOSPC if `bytes` more do not fit. */
  changeBytes(bytes: number): void {
    if (this.#bytes + bytes > this.capacity) throw new FileSystemError("ENOSPC");
    this.#bytes += bytes;
  }

  /** Throws ENOSPC if `files` more do not fit. */
  changeFiles(files: number): void {
    if (this.#files + files > this.#maxFiles) throw new FileSystemError("ENOSPC");
    this.#files += files;
  }

  get facts(): StatVfs {
    const free = BigInt(Math.floor((this.capacity - this.#bytes) / BLOCK));
    const freeFiles = BigInt(this.#maxFiles - this.#files);
    return {
      bsize: BigInt(BLOCK),
      frsize: BigInt(BLOCK),
      blocks: BigInt(Math.floor(this.capacity / BLOCK)),
      bfree: free,
      bavail: free,
      files: BigInt(this.#maxFiles),
      ffree: freeFiles,
      favail: freeFiles,
      fsid: 0n,
      flag: 0n,
      namemax: BigInt(MAX_NAME_LENGTH),
    };
  }
}
