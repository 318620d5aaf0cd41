import { MemoryFiles, type OpenNode } from "@nacre/testing/sftp/memory-files";
import { comparable, RECORDED_CONTENT, RECORDED_FILES, RecordedSession } from "@nacre/testing/sftp/recorded-session";
import { base64Decode, concatBytes, readUint32, toHex } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import recordings from "../../../test-vectors/sftp.json" with { type: "json" };
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  type RequestType,
  SFTP_EXTENSIONS,
  SftpServer,
} from "../src/index.ts";

type Chunks = readonly { readonly from: string; readonly bytes: string }[];

function bytesOf(chunks: Chunks, side: "client" | "server"): Uint8Array[] {
  return chunks.filter(({ from }) => from === side).map(({ bytes }) => base64Decode(bytes)!);
}

/** Returns the packets of one side, without their length fields. */
function packetsOf(chunks: Chunks, side: "client" | "server"): Uint8Array[] {
  const bytes = concatBytes(...bytesOf(chunks, side));
  const packets = [];
  for (let at = 0; at < bytes.length; ) {
    const length = readUint32(bytes, at);
    packets.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return packets;
}

describe("OpenSSH's sftp-server", () => {
  it("answers every request of the client as expected, and the client sends the same bytes again", () => {
    const session = new RecordedSession();
    const sent = [session.take()];
    for (const bytes of bytesOf(recordings.sftpServer, "server")) sent.push(session.receive(bytes));
    expect(session.answers.map((answer) => comparable(answer))).toMatchObject(session.expected);
    expect(toHex(concatBytes(...sent))).toBe(toHex(concatBytes(...bytesOf(recordings.sftpServer, "client"))));
    expect(session.client.serverLimits.maxReadLength).toBe(261_120);
  });

  it("gives the same answers byte by byte", () => {
    const [whole, cut] = [new RecordedSession(), new RecordedSession()];
    for (const bytes of bytesOf(recordings.sftpServer, "server")) {
      whole.receive(bytes);
      for (const byte of bytes) cut.receive(Uint8Array.of(byte));
    }
    expect(cut.answers.map(comparable)).toEqual(whole.answers.map(comparable));
  });
});

describe("OpenSSH's sftp", () => {
  it("gets the same replies from the server again, and its file is there", () => {
    const files = new MemoryFiles(RECORDED_FILES);
    const server = new SftpServer<OpenNode>({ extensions: Object.values(SFTP_EXTENSIONS) });
    const sent: Uint8Array[] = [];
    const settle = (): void => {
      for (let event = server.nextEvent(); event !== undefined; event = server.nextEvent()) files.handle(server, event);
      sent.push(server.unsent.slice());
      server.sent(server.unsent.length);
    };
    for (const bytes of bytesOf(recordings.sftp, "client")) {
      server.receive(bytes);
      settle();
    }
    server.end();
    settle();
    expect(toHex(concatBytes(...sent))).toBe(toHex(concatBytes(...bytesOf(recordings.sftp, "server"))));
    expect(files.find("/d/other")).toMatchObject({ data: RECORDED_CONTENT, mode: 0o600 });
    expect(files.find("/d/copy").data).toEqual(RECORDED_CONTENT);
    expect([files.root, files.find("/d")].map(({ entries }) => [...entries.keys()])).toEqual([
      ["d"],
      ["other", "hard", "copy"],
    ]);
    expect([files.opened.size, server.handleCount]).toEqual([0, 0]);
  });
});

describe.each([
  ["sftp-server", recordings.sftpServer],
  ["sftp", recordings.sftp],
])("the packets of the recording with OpenSSH's %s", (_, chunks) => {
  it("are the canonical encoding of what they decode to", () => {
    const types = new Map<number, RequestType>();
    for (const packet of packetsOf(chunks, "client").slice(1)) {
      const request = decodeRequest(packet)!;
      const id = readUint32(packet, 1);
      types.set(id, request.type);
      expect(toHex(encodeRequest(id, request))).toBe(toHex(packet));
    }
    expect(types.size).toBeGreaterThan(30);
    for (const packet of packetsOf(chunks, "server").slice(1)) {
      const id = readUint32(packet, 1);
      expect(toHex(encodeReply(id, decodeReply(packet, types.get(id)!)))).toBe(toHex(packet));
    }
  });
});
