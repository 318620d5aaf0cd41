import { readUint32 } from "@nacre/wire";

/** Length of our handles in bytes. */
const HANDLE_LENGTH = 8;

/** An open file or directory. */
export interface OpenHandle<Handle> {
  /** The application's value. */
  readonly value: Handle;
  /** `undefined` if only the application knows. */
  readonly kind: "file" | "directory" | undefined;
  /** Whether each write goes to the end of the file, so that their order matters. */
  readonly appends: boolean;
  /** Bytes that name the handle on the wire. */
  readonly name: Uint8Array;
  /** Whether the client closed it. Later requests with it are refused. */
  isClosing: boolean;
}

/** The open handles of one server, by their bytes on the wire. */
export interface HandleTable<Handle> {
  /** Number of open handles. */
  readonly count: number;
  /** Adds an open file or directory. Throws `usage` for a value that cannot be a handle. */
  open(value: Handle, kind: "file" | "directory", appends: boolean): OpenHandle<Handle>;
  /** Returns the open handle with this name. Returns `undefined` for a name that no open handle can have. */
  find(name: Uint8Array): OpenHandle<Handle> | undefined;
  /** Removes a handle. */
  remove(handle: OpenHandle<Handle>): void;
  /** Returns the handles that must be released when SFTP ends. */
  all(): OpenHandle<Handle>[];
}

/**
 * Handles that the server makes. A handle on the wire consists of a place in the table and a number that is never used twice, so that a
 * closed, forged or foreign handle names nothing.
 */
export class MadeHandles<Handle> implements HandleTable<Handle> {
  readonly #places: (OpenHandle<Handle> | undefined)[] = [];
  readonly #free: number[] = [];
  #made = 0;

  get count(): number {
    return this.#places.length - this.#free.length;
  }

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

  /** Returns `undefined` for an unknown name, and for a handle that the client has closed. */
  find(name: Uint8Array): OpenHandle<Handle> | undefined {
    if (name.length !== HANDLE_LENGTH) return undefined;
    const handle = this.#places[readUint32(name, 0)];
    // rule: sftp-handle-forged
    if (handle === undefined || readUint32(handle.name, 4) !== readUint32(name, 4)) return undefined;
    return /* rule: sftp-handle-closed */ handle.isClosing ? undefined : handle;
  }

  remove({ name }: OpenHandle<Handle>): void {
    const place = readUint32(name, 0);
    this.#places[place] = undefined;
    this.#free.push(place);
  }

  all(): OpenHandle<Handle>[] {
    return this.#places.filter((handle) => handle !== undefined);
  }
}
