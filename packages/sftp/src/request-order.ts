import type { OpenHandle } from "./handles.ts";
import type { SftpRequest } from "./table.ts";

/** What a request does to its handles, for the order of requests. */
export interface Access {
  /** Handles that the request uses. */
  readonly handles: readonly OpenHandle<unknown>[];
  /** "all" conflicts with every request on its handles; reads and writes only where their ranges overlap. */
  readonly kind: "read" | "write" | "all";
  /** First byte that the request reads or writes. */
  readonly start: number;
  /** Byte after the last. */
  readonly end: number;
}

/** Returns the access of a request to its handles. */
export function accessOf(request: SftpRequest, handles: readonly OpenHandle<unknown>[]): Access {
  const [handle] = handles;
  if (request.type === "read")
    return { handles, kind: "read", start: request.offset, end: request.offset + request.length };
  if (request.type === "write" && !handle!.appends)
    return { handles, kind: "write", start: request.offset, end: request.offset + request.data.length };
  return { handles, kind: "all", start: 0, end: 0 };
}

/**
 * Puts the requests on each handle in order: results are the same as if each waited for the one before (draft-ietf-secsh-filexfer-02 §4.1).
 * Reads, and writes to other ranges, run together. All other requests on a handle run alone, so a close never overtakes a read.
 */
export class RequestOrder<Item extends { readonly access: Access }> {
  /** Requests on each handle that run or wait, oldest first. Requests on different handles never conflict. */
  readonly #onHandle = new Map<OpenHandle<unknown>, Item[]>();
  readonly #running = new Set<Item>();
  readonly #waiting = new Set<Item>();

  /** Number of requests that run or wait. */
  get count(): number {
    return this.#running.size + this.#waiting.size;
  }

  /** Adds a request. Returns whether it may run now. */
  add(item: Item): boolean {
    for (const handle of new Set(item.access.handles)) {
      const items = this.#onHandle.get(handle);
      if (items === undefined) this.#onHandle.set(handle, [item]);
      else items.push(item);
    }
    const mayRun = /* rule: sftp-handle-order */ !this.#conflicts(item);
    if (mayRun) this.#running.add(item);
    else this.#waiting.add(item);
    return mayRun;
  }

  /** Removes a request that has run. Returns those on its handles that may run now, in order on each handle. */
  finish(item: Item): Item[] {
    this.#running.delete(item);
    this.#leave(item);
    const started: Item[] = [];
    for (const handle of item.access.handles) {
      for (const next of this.#onHandle.get(handle) ?? []) {
        if (!this.#waiting.has(next) || this.#conflicts(next)) continue;
        this.#waiting.delete(next);
        this.#running.add(next);
        started.push(next);
      }
    }
    return started;
  }

  /** Drops the waiting requests. Those that run stay. */
  dropWaiting(): void {
    for (const item of this.#waiting) this.#leave(item);
    this.#waiting.clear();
  }

  /** Returns whether a running request uses this handle. */
  uses(handle: OpenHandle<unknown>): boolean {
    return this.#onHandle.get(handle)?.some((item) => this.#running.has(item)) ?? false;
  }

  /** Returns whether a request conflicts with an older one. */
  #conflicts(item: Item): boolean {
    for (const handle of item.access.handles) {
      for (const older of this.#onHandle.get(handle)!) {
        if (older === item) break;
        if (conflict(item.access, older.access)) return true;
      }
    }
    return false;
  }

  /** Removes a request from the lists of its handles. */
  #leave(item: Item): void {
    for (const handle of item.access.handles) {
      const items = this.#onHandle.get(handle);
      const at = items?.indexOf(item) ?? -1;
      if (at >= 0) items!.splice(at, 1);
      if (items?.length === 0) this.#onHandle.delete(handle);
    }
  }
}

/** Returns whether two requests on one handle must not run together. */
function conflict(a: Access, b: Access): boolean {
  if (a.kind === "all" || b.kind === "all") return true;
  if (a.kind === "read" && b.kind === "read") return false;
  return a.start < b.end && b.start < a.end;
}
