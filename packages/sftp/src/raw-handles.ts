import { isBytes, SshError } from "@nacre/wire";
import type { HandleTable, OpenHandle } from "./handles.ts";
import { MAX_HANDLE_LENGTH } from "./messages/limits.ts";
import { handleText } from "./server-handles.ts";

/**
 * Handles that the application chooses: its bytes are those on the wire. Only the application knows which ones are open and what they name,
 * so each request gets a handle of its own. Requests on equal handles are therefore not put in order, and none is released at the end.
 */
export class RawHandles implements HandleTable<Uint8Array> {
  /** Handles given and not closed, with the number of opens that got the same bytes. */
  readonly #given = new Map<string, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  open(value: Uint8Array): OpenHandle<Uint8Array> {
    if (!isBytes(value) || !isHandleLength(value.length))
      throw new SshError(
        "usage",
        `a handle must be a Uint8Array of 1 to ${MAX_HANDLE_LENGTH} bytes; choose a shorter one`,
      );
    const text = handleText(value);
    this.#given.set(text, (this.#given.get(text) ?? 0) + 1);
    this.#count++;
    return named(value);
  }

  find(name: Uint8Array): OpenHandle<Uint8Array> | undefined {
    // rule: sftp-raw-handle-length
    if (!isHandleLength(name.length)) return undefined;
    return named(name);
  }

  /** Counts the close of a given handle. The client may close others, too. */
  remove({ name }: OpenHandle<Uint8Array>): void {
    const text = handleText(name);
    const times = this.#given.get(text);
    // rule: sftp-raw-handle-count
    if (times === undefined) return;
    if (times === 1) this.#given.delete(text);
    else this.#given.set(text, times - 1);
    this.#count--;
  }

  all(): OpenHandle<Uint8Array>[] {
    return [];
  }
}

function isHandleLength(length: number): boolean {
  return length > 0 && length <= MAX_HANDLE_LENGTH;
}

function named(name: Uint8Array): OpenHandle<Uint8Array> {
  return { value: name, kind: undefined, appends: false, name, isClosing: false };
}
