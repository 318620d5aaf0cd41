import { decodeRequest, encodePath, encodeReply, encodeRequest, type RequestType, SSH_FX, SSH_FXF } from "@nacre/sftp";
import { base64Decode, readUint32 } from "@nacre/wire";
import recordings from "../../../../test-vectors/sftp.json" with { type: "json" };
import { clientScript } from "./client-script.ts";
import { REQUEST_TYPES } from "./request-types.ts";
import { serverScript } from "./server-script.ts";

type Chunks = readonly { readonly from: string; readonly bytes: string }[];

/** A request of a recording with its reply. Packets have no length field. */
interface Exchange {
  readonly type: RequestType;
  readonly request: Uint8Array;
  readonly reply: Uint8Array;
}

/** Longest packet in a seed, in bytes. */
const MOST_BYTES = 1000;

/** Returns the first inputs of the targets for SFTP, from the recordings with OpenSSH. */
export function sftpSeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const exchanges = [...exchangesOf(recordings.sftpServer), ...exchangesOf(recordings.sftp)];
  const byType = new Map<string, Exchange>();
  for (const one of exchanges) byType.set(`${one.type} ${one.reply[0]}`, one);
  const chosen = [...byType.values()];
  return {
    "sftp-requests": chosen.map(({ request }) => request),
    "sftp-replies": chosen.map(({ type, reply }) => Uint8Array.of(REQUEST_TYPES.indexOf(type), ...reply)),
    "sftp-paths": ["/usr/share", "é\udcff\u{1f511}/\udc80", "a\ud7ffb"].map((text) => encodePath(text)),
    "sftp-client": clients(chosen),
    "sftp-server": servers(chosen),
  };
}

/** Pairs the requests and replies of a recording by their ids. */
function exchangesOf(chunks: Chunks): Exchange[] {
  const replies = new Map(packetsOf(chunks, "server").map((packet) => [readUint32(packet, 1), packet]));
  return packetsOf(chunks, "client").flatMap((request) => {
    const reply = replies.get(readUint32(request, 1));
    const type = decodeRequest(request)?.type;
    const isShort = request.length <= MOST_BYTES && reply !== undefined && reply.length <= MOST_BYTES;
    return isShort && type !== undefined ? [{ type, request, reply }] : [];
  });
}

/** Returns the packets of one side after its first, which is INIT or VERSION. */
function packetsOf(chunks: Chunks, side: string): Uint8Array[] {
  const parts = chunks.filter(({ from }) => from === side).map(({ bytes }) => base64Decode(bytes)!);
  const bytes = new Uint8Array(Buffer.concat(parts));
  const packets: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = readUint32(bytes, at);
    packets.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return packets.slice(1);
}

function clients(exchanges: readonly Exchange[]): Uint8Array[] {
  const limits = encodeReply(0, {
    type: "limits",
    limits: { maxPacketLength: 34_000n, maxReadLength: 0n, maxWriteLength: 2n ** 63n, maxOpenHandles: 9n },
  });
  return [
    clientScript(
      ["version"],
      ["bytes", 0, 0, 0, limits.length, limits],
      ["read", 0, 0, 0, 9],
      ["read", 0, 0, 156, 64],
      ["data", 1, 0, 0, 100, 0],
      ["abandon", 0],
      ["data", 0, 0, 0, 0, 9],
      ["end"],
    ),
    clientScript(
      ["version"],
      ["read", 0, 0, 0, 9],
      ["data", 0, 0, 0, 0, 0],
      ["read", 0, 0, 0, 9],
      ["data", 0, 0, 0, 0, 10],
    ),
    clientScript(["bytes", 0, 0, 0, 5, 2, 0, 0, 0, 6]),
    ...exchanges.map(({ request, reply }) => clientScript(["version"], ["request", request], ["reply", 0, reply])),
    ...exchanges
      .filter(({ type }) => type === "open")
      .map(({ request, reply }) =>
        clientScript(["version"], ["request", request], ["abandon", 0], ["bytes", 0, 0, 0, reply.length, reply]),
      ),
  ];
}

function open(flags: number): readonly ["packet", Uint8Array] {
  return ["packet", encodeRequest(1, { type: "open", path: encodePath("/f"), flags, attributes: {} })];
}

/** Returns the steps that send an open, answer it, and take the handle. */
function opened(request: readonly ["packet", Uint8Array]) {
  return [request, ["answer", 0, 1], ["sendAll"]] as const;
}

function servers(exchanges: readonly Exchange[]): Uint8Array[] {
  const opendir = ["packet", encodeRequest(1, { type: "opendir", path: encodePath("/d") })] as const;
  const handle = new Uint8Array(8);
  const read = encodeRequest(2, { type: "read", handle, offset: 0, length: 40_000 });
  const write = encodeRequest(2, { type: "write", handle, offset: 0, data: encodePath("data") });
  const close = encodeRequest(2, { type: "close", handle });
  const stat = encodeRequest(3, { type: "stat", path: encodePath("/f") });
  const pipelined = exchanges.map(({ request }) => ["onHandle", 0, request] as const);
  const { READ, WRITE, APPEND } = SSH_FXF;
  return [
    ...exchanges.map(({ request }) => serverScript(["packet", request], ["answer", 0, 1], ["sendAll"])),
    serverScript(...opened(open(READ)), ["onHandle", 0, read], ["onHandle", 0, close], ["answerAll", SSH_FX.EOF]),
    serverScript(...opened(open(WRITE | APPEND)), ["onHandle", 0, write], ["onHandle", 0, write], ["close"]),
    serverScript(
      ...opened(opendir),
      ["onHandle", 0, encodeRequest(2, { type: "readdir", handle })],
      ["answer", 0, 9],
      ["end"],
    ),
    serverScript(
      ...opened(open(READ | WRITE)),
      ...pipelined.slice(0, 40),
      ["answerAll", 1],
      ["answerAll", 2],
      ["sendAll"],
    ),
    // More requests than `maxRequests`, more handles than `maxHandles`, and more bytes than `maxPendingBytes`.
    serverScript(
      ...Array.from({ length: 9 }, () => ["packet", stat] as const),
      ["answer", 3, 1],
      ["answer", 0, 0],
      ["sendAll"],
    ),
    serverScript(...Array.from({ length: 5 }, () => opened(open(READ))).flat(), ["onHandle", 3, close]),
    serverScript(...opened(open(READ)), ...Array.from({ length: 4 }, () => ["onHandle", 0, read] as const), ["end"]),
    // Replies that are not sent.
    serverScript(
      ...opened(open(READ)),
      ...Array.from(
        { length: 6 },
        () =>
          [
            ["onHandle", 0, read],
            ["answer", 0, 255],
          ] as const,
      ).flat(),
      ["send", 0, 0, 0, 9],
    ),
    serverScript(["bytes", 0, 0, 132, 209]),
    serverScript(["bytes", 0, 0, 0, 9, 17], ["end"]),
    serverScript(["packet", Uint8Array.of(1, 0, 0, 0, 3)]),
  ];
}
