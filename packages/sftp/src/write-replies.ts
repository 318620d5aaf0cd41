import type { OpenHandle } from "./handles.ts";
import type { SftpReply } from "./table.ts";

interface Entry<Item> {
  readonly item: Item;
  /** The reply, once the application gave it. */
  reply: SftpReply | undefined;
}

/**
 * Puts the replies to the writes on each handle in the order of the requests. The protocol does not ask for it, but OpenSSH's server
 * replies in order, and paramiko's `put` waits forever if a reply overtakes another.
 */
export class WriteReplies<Item extends { readonly handles: readonly OpenHandle<unknown>[] }> {
  /** Writes on each handle without a sent reply, oldest first. */
  readonly #queues = new Map<OpenHandle<unknown>, Entry<Item>[]>();

  /** Adds a write in the order of arrival. */
  add(item: Item): void {
    const handle = item.handles[0]!;
    const queue = this.#queues.get(handle);
    if (queue === undefined) this.#queues.set(handle, [{ item, reply: undefined }]);
    else queue.push({ item, reply: undefined });
  }

  /** Takes the reply to a write. Returns the writes to reply to now, in order. */
  take(item: Item, reply: SftpReply): { readonly item: Item; readonly reply: SftpReply }[] {
    const handle = item.handles[0]!;
    const queue = this.#queues.get(handle)!;
    queue.find((entry) => entry.item === item)!.reply = reply;
    const due: { readonly item: Item; readonly reply: SftpReply }[] = [];
    for (let first = queue[0]; first?.reply !== undefined; first = queue[0]) {
      due.push({ item: first.item, reply: first.reply });
      queue.shift();
    }
    if (queue.length === 0) this.#queues.delete(handle);
    return due;
  }

  /** Drops all writes. Returns those with a reply. */
  clear(): Item[] {
    const entries = [...this.#queues.values()].flat();
    this.#queues.clear();
    return entries.filter(({ reply }) => reply !== undefined).map(({ item }) => item);
  }
}
