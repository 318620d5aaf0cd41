// Transfers of the `web` case. The same code runs in a page and in Node, with the portable client.
import { type WebSocketConstructor, type WebSocketLike, webSocketDuplex } from "@nacre/web";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { connect, type Duplex, privateKey } from "nacre";
import { piecesOf } from "../bulk/pieces.ts";
import type { WebCounts, WebTransferResult, WebTransferTask } from "./web-tasks.ts";

/** Size of an application's write in bytes. */
const WRITE = 64 * 1024;

/** Send buffer of a bare WebSocket in bytes: it stops sending above the first value, and continues below the second. */
const HIGH_WATER = 4 * 1024 * 1024;
const LOW_WATER = 1024 * 1024;

type Outcome = Omit<WebTransferResult, "cpuSeconds">;

/** Platform of a transfer. */
export interface WebPlatform {
  readonly WebSocket: WebSocketConstructor;
  /** The block that the payload repeats. */
  readonly block: Uint8Array<ArrayBuffer>;
}

/** A transfer that is connected and logged in. Runs it, and times it from its first request to its last byte. */
export type ReadyTransfer = () => Promise<Outcome>;

/** Connects for a transfer, and logs in. */
export function prepareTransfer(task: WebTransferTask, platform: WebPlatform): Promise<ReadyTransfer> {
  return task.peer === "raw" ? overWebSocket(task, platform) : overSsh(task, platform);
}

async function overSsh(task: WebTransferTask, { WebSocket, block }: WebPlatform): Promise<ReadyTransfer> {
  const { direction, bytes, observe, url, ticket, ssh } = task;
  const counts = noCounts();
  const losses = new Losses();
  const duplex = await webSocketDuplex({
    url,
    ...ssh,
    ticket,
    WebSocket: observe ? countMessages(WebSocket, counts) : WebSocket,
    onConnectionChange: ({ type }) => losses.changed(type),
  });
  const client = await connect(observe ? countBytes(duplex, counts) : duplex, {
    user: task.user,
    identities: [await privateKey(task.privateKey)],
    hostKey: task.hostKeyFingerprint,
  });
  return async () => {
    const hash = observe ? sha256.create() : undefined;
    let arrived: Pick<Outcome, "bytes" | "sha256">;
    const began = performance.now();
    if (direction === "download") {
      const { stdout, exit } = await client.spawn(`send ${bytes}`);
      const reader = stdout.getReader();
      let count = 0;
      for (let got = await reader.read(); !got.done; got = await reader.read()) {
        count += got.value.length;
        hash?.update(got.value);
      }
      await exit;
      arrived = hash === undefined ? counted(count) : hashed(bytesToHex(hash.digest()));
    } else {
      const { stdin, stdout } = await client.spawn(observe ? "receive digest" : "receive");
      const printed = new Response(stdout).text();
      const writer = stdin.getWriter();
      for (const piece of piecesOf(block, bytes, WRITE)) await writer.write(piece);
      await writer.close();
      const [count, digest = ""] = (await printed).trim().split(" ");
      arrived = observe ? hashed(digest) : counted(Number(count));
    }
    const seconds = (performance.now() - began) / 1000;
    await client.close();
    return { ...arrived, seconds, counts, ...losses.total };
  };
}

async function overWebSocket(task: WebTransferTask, { WebSocket, block }: WebPlatform): Promise<ReadyTransfer> {
  const { direction, bytes, observe, url, messageLength } = task;
  const counts = noCounts();
  const socket = new (observe ? countMessages(WebSocket, counts) : WebSocket)(url, ["binary"]);
  socket.binaryType = "arraybuffer";
  await opened(socket);
  const hash = observe ? sha256.create() : undefined;
  const received: Uint8Array[] = [];
  let count = 0;
  const ended = new Promise<void>((resolve, reject) => {
    socket.addEventListener("close", ({ code }) =>
      count === bytes || direction === "upload" ? resolve() : reject(new Error(`closed with ${code} after ${count}`)),
    );
    socket.addEventListener("message", ({ data }) => {
      const message = new Uint8Array(data as ArrayBuffer);
      count += message.length;
      if (direction === "upload") received.push(message);
      else hash?.update(message);
      if (direction === "download" && count >= bytes) resolve();
    });
  });
  return async () => {
    const began = performance.now();
    let arrived: Pick<Outcome, "bytes" | "sha256">;
    if (direction === "download") {
      socket.send(new TextEncoder().encode(`send ${bytes}\n`));
      await ended;
      arrived = hash === undefined ? counted(count) : hashed(bytesToHex(hash.digest()));
    } else {
      socket.send(new TextEncoder().encode(`${observe ? "digest" : "count"} ${bytes}\n`));
      for (const piece of piecesOf(block, bytes, messageLength)) {
        socket.send(piece);
        if (socket.bufferedAmount > HIGH_WATER) while (socket.bufferedAmount > LOW_WATER) await sleep(1);
      }
      await ended;
      const said = (await new Blob(received as Uint8Array<ArrayBuffer>[]).text()).trim();
      arrived = observe ? hashed(said) : counted(Number(said));
    }
    const seconds = (performance.now() - began) / 1000;
    socket.close();
    return { ...arrived, seconds, counts, ...new Losses().total };
  };
}

const counted = (bytes: number): Pick<Outcome, "bytes" | "sha256"> => ({ bytes, sha256: undefined });
const hashed = (digest: string): Pick<Outcome, "bytes" | "sha256"> => ({ bytes: undefined, sha256: digest });

/** Counts lost WebSockets, and measures the time until another one is attached. */
class Losses {
  #restored = 0;
  #seconds = 0;
  #lostAt = 0;

  get total(): Pick<Outcome, "restored" | "secondsLost"> {
    return { restored: this.#restored, secondsLost: this.#seconds };
  }

  changed(type: "lost" | "restored"): void {
    const now = performance.now();
    if (type === "lost") this.#lostAt = now;
    else {
      this.#restored++;
      this.#seconds += (now - this.#lostAt) / 1000;
    }
  }
}

function noCounts(): WebCounts {
  return { messagesIn: 0, bytesIn: 0, messagesOut: 0, bytesOut: 0, sshBytesIn: 0, sshBytesOut: 0 };
}

/** Returns a constructor of WebSockets that count messages. They stay of the given class: Nacre treats the platform's class differently. */
function countMessages(WebSocket: WebSocketConstructor, counts: WebCounts): WebSocketConstructor {
  const open = function (url: string, protocols: string[]): WebSocketLike {
    const socket = new WebSocket(url, protocols);
    const send = socket.send.bind(socket);
    socket.addEventListener("message", ({ data }) => {
      counts.messagesIn++;
      counts.bytesIn += (data as ArrayBuffer).byteLength;
    });
    socket.send = (data) => {
      counts.messagesOut++;
      counts.bytesOut += data.length;
      send(data);
    };
    return socket;
  };
  return open as unknown as WebSocketConstructor;
}

/** Wraps a byte connection, and counts the bytes in both directions. */
function countBytes(duplex: Duplex, counts: WebCounts): Duplex {
  return {
    open: (handler) =>
      duplex.open({
        data(chunk) {
          counts.sshBytesIn += chunk.length;
          handler.data(chunk);
        },
        drained: () => handler.drained(),
        ended: () => handler.ended(),
        failed: (cause) => handler.failed(cause),
        suspended: () => handler.suspended?.(),
        resumed: () => handler.resumed?.(),
      }),
    write(pieces) {
      for (const { length } of pieces) counts.sshBytesOut += length;
      return duplex.write(pieces);
    },
    pause: () => duplex.pause(),
    resume: () => duplex.resume(),
    end: () => duplex.end(),
    close: () => duplex.close(),
  };
}

function opened(socket: WebSocketLike): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("the WebSocket did not open")));
  });
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
