// Plays an SFTP server from an input of steps. Each step is a string; its first byte selects the action.

import {
  decodeRequest,
  encodeRequest,
  SFTP_EXTENSIONS,
  SftpServer,
  type SftpServerEvent,
  type SftpServerRequest,
  SSH_FX,
} from "@nacre/sftp";
import { type AskToken, type Bytes, concatBytes, readUint32 } from "@nacre/wire";
import { attempt, Broken, expectEqual, expectRefusal, expectTrue } from "../../contract.ts";
import { Input } from "../../input.ts";
import { framed, steps } from "./request-types.ts";

/** Maximum number of steps. */
const MOST_STEPS = 96;

const LIMITS = {
  maxPacketLength: 34_000,
  maxRequests: 6,
  maxPendingBytes: 100_000,
  maxUnsent: 50_000,
  maxHandles: 4,
  maxPathLength: 100,
};

/** Longest reply: data of one read. Replies to pending requests may exceed `maxUnsent` together. */
const MOST_UNSENT = LIMITS.maxUnsent + (LIMITS.maxRequests + 1) * LIMITS.maxPacketLength;

/** A file or directory of the application. */
interface File {
  isOpen: boolean;
  /** Number of pending requests that use it. */
  users: number;
}

type Ask = Extract<SftpServerEvent<File>, { type: "request" }>;

class Subject {
  readonly server = new SftpServer<File>({ limits: LIMITS, extensions: Object.values(SFTP_EXTENSIONS) });
  readonly files: File[] = [];
  /** Handles on the wire, oldest first. */
  readonly handles: Uint8Array[] = [];
  asks: Ask[] = [];
  /** The "closed" event. */
  closed: Extract<SftpServerEvent<File>, { type: "closed" }> | undefined;
  /** Whole packets that the server got after the first. */
  packets = 0;
  replies = 0;
  /** Whether the client sent something other than whole packets after INIT. */
  isAttacked = false;
  isClosing = false;
  #output: Bytes = new Uint8Array(0);

  receive(bytes: Uint8Array): void {
    this.server.receive(bytes.slice());
    this.settle();
  }

  settle(): void {
    for (let event = this.server.nextEvent(); event !== undefined; event = this.server.nextEvent()) this.#on(event);
    const { server } = this;
    expectTrue(server.handleCount <= LIMITS.maxHandles, `${server.handleCount} handles`);
    expectTrue(server.requestCount <= LIMITS.maxRequests, `${server.requestCount} pending requests`);
    expectTrue(server.unsent.length <= MOST_UNSENT, `${server.unsent.length} unsent bytes`);
  }

  /** Takes up to `length` unsent bytes, and reads the replies in them. */
  send(length: number): void {
    const bytes = this.server.unsent.subarray(0, length);
    this.#output = concatBytes(this.#output, bytes);
    this.server.sent(bytes.length);
    this.settle();
    let at = 0;
    while (this.#output.length - at >= 4) {
      const size = readUint32(this.#output, at);
      expectTrue(size >= 5 && size <= 256 * 1024, `a reply of ${size} bytes`);
      if (this.#output.length - at - 4 < size) break;
      this.#onReply(this.#output.slice(at + 4, at + 4 + size));
      at += 4 + size;
    }
    this.#output = this.#output.slice(at);
  }

  /** Answers an ask, and checks that a second answer is refused. */
  answer(which: number, decision: number): void {
    const [ask] = this.asks.splice(which % Math.max(1, this.asks.length), 1);
    if (ask === undefined) return;
    const { token, request } = ask;
    for (const file of filesOf(request)) file.users--;
    if (decision % 3 === 0) this.server.status(token, SSH_FX.FAILURE);
    else this.#succeed(token, request, decision);
    if (request.type === "close") request.handle.isOpen = false;
    let refused = false;
    try {
      this.server.status(token, SSH_FX.FAILURE);
    } catch (error) {
      expectRefusal(error);
      refused = true;
    }
    expectTrue(refused, "a second answer was accepted");
    this.settle();
  }

  #succeed(token: AskToken, request: SftpServerRequest<File>, decision: number): void {
    const { server } = this;
    const path = Uint8Array.of(47);
    switch (request.type) {
      case "open":
      case "opendir": {
        const file = { isOpen: true, users: 0 };
        this.files.push(file);
        return server.handle(token, file);
      }
      case "read":
        return server.data(token, new Uint8Array(Math.min(request.length, 1 + decision * 100)).fill(decision));
      case "readdir": {
        const names = Array.from({ length: 1 + decision }, () => ({ filename: path, longname: path, attributes: {} }));
        expectEqual(server.names(token, names), names.length, "the number of names sent");
        return;
      }
      case "stat":
      case "lstat":
      case "fstat":
        return server.attributes(token, { size: 5n });
      case "realpath":
      case "readlink":
      case "expand-path":
      case "home-directory":
        return server.name(token, path);
      case "statvfs":
      case "fstatvfs": {
        const zeros = { blocks: 0n, bfree: 0n, bavail: 0n, files: 0n, ffree: 0n, favail: 0n, fsid: 0n, flag: 0n };
        return server.statvfs(token, { bsize: 1n, frsize: 1n, ...zeros, namemax: 255n });
      }
      case "users-groups-by-id":
        return server.usersGroups(token, { users: request.uids.map(() => "u"), groups: request.gids.map(() => "") });
      case "extended":
        return server.extended(token, path);
      default:
        return server.status(token, SSH_FX.OK);
    }
  }

  #onReply(packet: Uint8Array): void {
    if (packet[0] === 2) return;
    this.replies++;
    if (packet[0] === 102) this.handles.push(packet.subarray(9));
  }

  #on(event: SftpServerEvent<File>): void {
    if (this.closed !== undefined) throw new Broken(`the event ${event.type} after the last`);
    switch (event.type) {
      case "request":
        this.asks.push(event);
        for (const file of filesOf(event.request)) {
          expectTrue(file.isOpen, `${event.request.type} on a closed file`);
          expectTrue(event.request.type !== "close" || file.users === 0, "a close while another request uses the file");
          file.users++;
        }
        return;
      case "release":
        expectTrue(event.handle.isOpen && event.handle.users === 0, "a release of a file that is closed or in use");
        event.handle.isOpen = false;
        return;
      case "closed":
        if (event.error !== undefined) expectRefusal(event.error);
        this.closed = event;
        expectEqual(this.asks, [], "the requests without an answer");
    }
  }
}

function filesOf(request: SftpServerRequest<File>): readonly File[] {
  if (request.type === "copy-data") return [request.readHandle, request.writeHandle];
  return "handle" in request ? [request.handle] : [];
}

/** Action of each step with the rest of its bytes. */
const STEPS = {
  init: (subject) => subject.receive(Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3)),
  /** Makes the server receive arbitrary bytes. */
  bytes: (subject, rest) => {
    subject.isAttacked = true;
    subject.receive(rest.rest());
  },
  /** Makes the server receive a whole packet. */
  packet: (subject, rest) => {
    const packet = rest.rest();
    if (subject.closed !== undefined) return;
    subject.packets++;
    subject.isAttacked ||= packet.length < 5 || packet[0] === 1;
    subject.receive(framed(packet));
  },
  /** Makes the server receive a request with one of its own handles. */
  onHandle: (subject, rest) => {
    const handle = subject.handles[rest.byte() % Math.max(1, subject.handles.length)];
    const packet = rest.rest();
    const request = attempt(() => decodeRequest(packet));
    if (request === undefined || handle === undefined || subject.closed !== undefined) return;
    subject.packets++;
    const own = request.type === "copy-data" ? { readHandle: handle, writeHandle: handle } : { handle };
    subject.receive(framed(encodeRequest(7, { ...request, ...own })));
  },
  answer: (subject, rest) => subject.answer(rest.byte(), rest.byte()),
  answerAll: (subject, rest) => {
    const decision = rest.byte();
    for (let count = subject.asks.length; count > 0; count--) subject.answer(0, decision);
  },
  send: (subject, rest) => subject.send(rest.uint32() % 100_000),
  sendAll: (subject) => subject.send(Infinity),
  end: (subject) => {
    subject.server.end();
    subject.settle();
  },
  close: (subject) => {
    subject.isClosing = true;
    subject.server.close();
    subject.settle();
  },
} satisfies Readonly<Record<string, (subject: Subject, rest: Input) => void>>;

const NAMES = Object.keys(STEPS) as (keyof typeof STEPS)[];

/** Plays the steps of the input, then answers everything and ends. */
export function playServer(bytes: Uint8Array): void {
  const input = new Input(bytes);
  const subject = new Subject();
  STEPS.init(subject);
  for (let count = 0; !input.empty && count < MOST_STEPS; count++) {
    const rest = new Input(input.string());
    if (!rest.empty) STEPS[NAMES[rest.byte() % NAMES.length]!](subject, rest);
  }
  subject.server.end();
  for (let before = -1; before !== subject.replies + subject.asks.length || subject.asks.length > 0; ) {
    before = subject.replies + subject.asks.length;
    subject.settle();
    for (let open = subject.asks.length; open > 0; open--) subject.answer(0, 1);
    subject.send(Infinity);
  }
  expectTrue(subject.closed !== undefined, "the server did not close");
  expectEqual([subject.server.requestCount, subject.server.handleCount], [0, 0], "requests and handles at the end");
  expectTrue(
    subject.files.every(({ isOpen }) => !isOpen),
    "a file was neither closed nor released",
  );
  const isHonest = !subject.isAttacked && !subject.isClosing && subject.closed?.error === undefined;
  if (isHonest) expectEqual(subject.replies, subject.packets, "the number of replies");
}

/** Encodes steps as an input. */
export function serverScript(
  ...all: readonly (readonly [keyof typeof STEPS, ...(readonly (number | Uint8Array)[])])[]
): Uint8Array {
  return steps(NAMES, all);
}
