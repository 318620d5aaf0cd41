import { type Bytes, readUint32 } from "@nacre/wire";

/** Length of our handles in bytes. */
const HANDLE_LENGTH = 8;

/** An open file or directory. */
export interface OpenHandle<Handle> {
  /** The application's value. */
  readonly value: Handle;
  readonly kind: "file" | "directory";
  /** Whether each write goes to the end of the file, so that their order matters. */
  readonly appends: boolean;
  /** Bytes that name the handle on the wire. */
  readonly name: Bytes;
  /** Whether the client closed it. Later requests with it are refused. */
  isClosing: boolean;
}

/**
 * The handles of one server. A handle on the wire consists of a place in the table and a number that is never used twice, so that a closed,
 * forged or foreign handle names nothing.
 */
export class Handles<Handle> {
  readonly #places: (OpenHandle<Handle> | undefined)[] = [];
  readonly #free: number[] = [];
  #made = 0;

  /** Number of open handles. */
  get count(): number {
    return this.#places.length - this.#free.length;
  }

  /** Adds an open file or directory. */
  open(value: Handle, kind: "file" | "directory", appends: boolean): OpenHandle<Handle> {
    const place = this.#free.pop() ?? this.#places.length;
    const name = new Uint8Array(HANDLE_LENGTH);
    const view = new DataView(name.buffer);
    view.setUint32(0, place);
    view.setUint32(4, this.#made++);
    const handle = { value, kind, appends, name, isClosing: false };
    this.#places[place] = handle;
    return handle;
  }

  /** Returns the open handle with this name. Returns `undefined` for an unknown name, and for a handle that the client has closed. */
  find(name: Uint8Array): OpenHandle<Handle> | undefined {
    if (name.length !== HANDLE_LENGTH) return undefined;
    const handle = this.#places[readUint32(name, 0)];
    // rule: sftp-handle-forged
    if (handle === undefined || readUint32(handle.name, 4) !== readUint32(name, 4)) return undefined;
    return /* rule: sftp-handle-closed */ handle.isClosing ? undefined : handle;
  }

  /** Removes a handle. */
  remove({ name }: OpenHandle<Handle>): void {
    const place = readUint32(name, 0);
    this.#places[place] = undefined;
    this.#free.push(place);
  }

  /** Returns all open handles. */
  all(): OpenHandle<Handle>[] {
    return this.#places.filter((handle) => handle !== undefined);
  }
}
