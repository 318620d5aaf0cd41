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
  readonly #running = new Set<Item>();
  #waiting: Item[] = [];

  /** Number of requests that run or wait. */
  get count(): number {
    return this.#running.size + this.#waiting.length;
  }

  /** Adds a request. Returns whether it may run now. */
  add(item: Item): boolean {
    const mayRun = /* rule: sftp-handle-order */ !this.#conflicts(item);
    if (mayRun) this.#running.add(item);
    else this.#waiting.push(item);
    return mayRun;
  }

  /** Removes a request that has run. Returns those that may run now, in order. */
  finish(item: Item): Item[] {
    this.#running.delete(item);
    if (this.#waiting.length === 0) return [];
    const started: Item[] = [];
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const next of waiting) if (this.add(next)) started.push(next);
    return started;
  }

  /** Drops the waiting requests. Those that run stay. */
  dropWaiting(): void {
    this.#waiting = [];
  }

  /** Returns whether a running request uses this handle. */
  uses(handle: OpenHandle<unknown>): boolean {
    for (const { access } of this.#running) if (access.handles.includes(handle)) return true;
    return false;
  }

  #conflicts({ access }: Item): boolean {
    if (access.handles.length === 0) return false;
    for (const other of this.#running) if (conflict(access, other.access)) return true;
    for (const other of this.#waiting) if (conflict(access, other.access)) return true;
    return false;
  }
}

function conflict(a: Access, b: Access): boolean {
  if (!a.handles.some((handle) => b.handles.includes(handle))) return false;
  if (a.kind === "all" || b.kind === "all") return true;
  if (a.kind === "read" && b.kind === "read") return false;
  return a.start < b.end && b.start < a.end;
}
