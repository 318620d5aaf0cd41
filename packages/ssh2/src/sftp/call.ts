import { type Waiter } from "@nacre/files/blocks";
import { bufferOf } from "@nacre/node/extend";
import { extensionFor, type SftpClientRequest, type SftpReplyEvent, type StatVfs } from "@nacre/sftp";
import { escapeText, type SshError } from "@nacre/wire";
import { type Driver } from "./driver.ts";
import { statsOf } from "./stats.ts";
import { requestError, STATUS_CODE, statusError } from "./status.ts";

/** Callback of a method. It gets no argument at all if a request without a result has succeeded. */
export type Callback<Results extends readonly unknown[] = []> = (error?: Error, ...results: Partial<Results>) => void;

/** The answer to a request. */
export type Answer = SftpReplyEvent<Waiter>;

/** A request and its callback. */
export class Call implements Waiter {
  /** The request. A write that waits for room has a copy of its data. */
  request: SftpClientRequest;
  readonly #driver: Driver;
  readonly #debug: ((line: string) => void) | undefined;
  readonly #callback: (error?: Error, ...results: readonly unknown[]) => void;

  constructor(
    driver: Driver,
    debug: ((line: string) => void) | undefined,
    request: SftpClientRequest,
    callback: (error?: Error, ...results: readonly unknown[]) => void,
  ) {
    this.#driver = driver;
    this.#debug = debug;
    this.request = request;
    this.#callback = callback;
  }

  answered(answer: Answer): void {
    this.debugAnswer(answer);
    if (answer.type === "unanswered") this.failed(answer.error);
    else if (answer.type !== "status") this.#callback(undefined, ...resultsOf(answer));
    else if (answer.status === STATUS_CODE.OK) this.#callback();
    else this.#callback(statusError(answer.status, answer.message));
  }

  /** Passes a debug line about an answer on. */
  protected debugAnswer(answer: Answer): void {
    if (this.#debug !== undefined) debugAnswer(this.#debug, answer, this.request);
  }

  /** Calls back with the error of a request that gets no answer. */
  failed(error: SshError): void {
    const failure = requestError(error);
    this.#driver.settle(error, () => this.#callback(failure));
  }
}

/** An entry of a directory. */
export interface DirectoryEntry {
  readonly filename: string;
  /** Line for people, as `ls -l` prints it. */
  readonly longname: string;
  readonly attrs: ReturnType<typeof statsOf>;
}

/** Facts about a file system, under the names of POSIX's `statvfs`. */
export interface FileSystemStats {
  readonly f_bsize: number;
  readonly f_frsize: number;
  readonly f_blocks: number;
  readonly f_bfree: number;
  readonly f_bavail: number;
  readonly f_files: number;
  readonly f_ffree: number;
  readonly f_favail: number;
  readonly f_sid: number;
  readonly f_flag: number;
  readonly f_namemax: number;
}

function resultsOf(answer: Exclude<Answer, { readonly type: "status" | "unanswered" }>): readonly unknown[] {
  switch (answer.type) {
    case "handle":
      return [bufferOf(answer.handle)];
    case "data":
      return [Buffer.concat(answer.pieces, answer.length)];
    case "names":
      return [answer.names.map(entryOf)];
    case "name":
      return [textOf(answer.name.filename)];
    case "attributes":
      return [statsOf(answer.attributes)];
    case "statvfs":
      return [fileSystemStats(answer.statvfs)];
    case "users-groups":
      return [answer.users, answer.groups];
    case "extended":
      return [bufferOf(answer.data)];
  }
}

function entryOf(name: Extract<Answer, { readonly type: "name" }>["name"]): DirectoryEntry {
  return { filename: textOf(name.filename), longname: textOf(name.longname), attrs: statsOf(name.attributes) };
}

/** Names are UTF-8 in ssh2: other bytes become U+FFFD. */
function textOf(bytes: Uint8Array): string {
  return bufferOf(bytes).toString();
}

function fileSystemStats(facts: StatVfs): FileSystemStats {
  return {
    f_bsize: Number(facts.bsize),
    f_frsize: Number(facts.frsize),
    f_blocks: Number(facts.blocks),
    f_bfree: Number(facts.bfree),
    f_bavail: Number(facts.bavail),
    f_files: Number(facts.files),
    f_ffree: Number(facts.ffree),
    f_favail: Number(facts.favail),
    f_sid: Number(facts.fsid),
    f_flag: Number(facts.flag),
    f_namemax: Number(facts.namemax),
  };
}

/** Returns ssh2's name of a request in debug lines. */
export function requestName({ type }: SftpClientRequest): string {
  return extensionFor(type)?.name ?? type.toUpperCase();
}

const ANSWERS: Readonly<Record<Exclude<Answer["type"], "status" | "unanswered">, string>> = {
  handle: "HANDLE",
  data: "DATA",
  names: "NAME",
  name: "NAME",
  attributes: "ATTRS",
  statvfs: "EXTENDED_REPLY",
  "users-groups": "EXTENDED_REPLY",
  extended: "EXTENDED_REPLY",
};

function debugAnswer(debug: (line: string) => void, answer: Answer, request: SftpClientRequest): void {
  if (answer.type === "unanswered") return;
  let facts = `id:${answer.request}`;
  if (answer.type === "status") facts += `, ${answer.status}, "${escapeText(answer.message)}"`;
  if (answer.type === "data") facts += `, ${answer.length}`;
  if (answer.type === "names") facts += `, ${answer.names.length}`;
  if (answer.type === "statvfs" || answer.type === "users-groups") facts += `, ${requestName(request)}`;
  debug(`SFTP: Inbound: Received ${answer.type === "status" ? "STATUS" : ANSWERS[answer.type]} (${facts})`);
}
