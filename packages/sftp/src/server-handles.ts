import { SshError } from "@nacre/wire";

/**
 * Handles that a server has given and a client has not closed. Erlang's server (OTP 27) answers every open after the second with the same
 * handle, and then carries out the requests for one file on another. Such a handle is shared: nothing done with it counts.
 */
export class ServerHandles {
  /** Handles given, as text. */
  readonly #open = new Set<string>();
  /** Those given again while they were open. */
  readonly #shared = new Set<string>();

  /** Notes that the server gave a handle. Returns false if it is open already, and marks it as shared. */
  add(handle: Uint8Array): boolean {
    const name = handleText(handle);
    const isNew = !this.#open.has(name);
    if (isNew) this.#open.add(name);
    else this.#shared.add(name);
    return isNew;
  }

  /** Notes that the server has answered the CLOSE of a handle. */
  remove(handle: Uint8Array): void {
    const name = handleText(handle);
    this.#open.delete(name);
    this.#shared.delete(name);
  }

  /** Returns whether the server gave a handle to two files. */
  isShared(handle: Uint8Array | undefined): boolean {
    return this.#shared.size > 0 && handle !== undefined && this.#shared.has(handleText(handle));
  }
}

/** Returns the error of both files whose handle is the same. */
export function sharedHandle(): SshError {
  return new SshError(
    "sftp-handle-reused",
    "the server gave two open files the same handle, so neither can be trusted; open one file at a time",
  );
}

/** Returns a handle as a text with one character for each byte. */
export function handleText(handle: Uint8Array): string {
  // A spread would call the array's iterator.
  return String.fromCharCode.apply(undefined, handle as ArrayLike<number> as number[]);
}
