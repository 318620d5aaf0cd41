import { once } from "node:events";
import { CLOSE_KINDS, encodeTunnelMessage, TUNNEL_MESSAGE } from "@nacre/tunnel";
import { describe, expect, test } from "vitest";
import {
  type FrameOptions,
  frame,
  frameHeader,
  type HeaderChanges,
  rawWebSocket,
  readClose,
  readHead,
} from "./raw-web-socket.ts";
import { closedOf, echo, ORIGIN, Page, pageSocket, startGateway, tcpServer, ticketFor } from "./support.ts";

// The handshake and frames of RFC 6455, byte by byte. The `ws` library implements them.

const X = Buffer.from("x");

function part(opcode: number, options: FrameOptions = { isLast: false }): Buffer {
  return frame(opcode, X, options);
}

function close(code: number, reason: Uint8Array = Buffer.alloc(0)): Buffer {
  return frame(8, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), reason]));
}

function open(ticket: string): Uint8Array {
  return encodeTunnelMessage({ type: "open", ticket, host: "a.example", port: 22 });
}

describe("the handshake", () => {
  test("is answered with the hash of the key, the subprotocol, and no extension", async () => {
    const socket = rawWebSocket(await startGateway(), {
      // The example of RFC 6455 §1.3.
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Protocol": "chat, binary, nacre.v1",
      "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    });
    expect((await readHead(socket)).split("\r\n")).toEqual([
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
      "Sec-WebSocket-Protocol: nacre.v1",
      "",
      "",
    ]);
  });

  test.each<[string, HeaderChanges, string?]>([
    ["of version 12", { "Sec-WebSocket-Version": "12" }],
    ["of version 14", { "Sec-WebSocket-Version": "14" }],
    ["without a version", { "Sec-WebSocket-Version": undefined }],
    ["with a key of 15 bytes", { "Sec-WebSocket-Key": Buffer.alloc(15).toString("base64") }],
    ["with a key of 17 bytes", { "Sec-WebSocket-Key": Buffer.alloc(17).toString("base64") }],
    ["with a key that is not base64", { "Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!==" }],
    ["with two keys", { "Sec-WebSocket-Key": ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="] }],
    ["without a key", { "Sec-WebSocket-Key": undefined }],
    ["for another protocol", { Upgrade: "h2c" }],
    ["with a malformed list of subprotocols", { "Sec-WebSocket-Protocol": "nacre.v1,,binary" }],
    ["by POST", {}, "POST"],
  ])("%s is refused by HTTP, and the connection closed", async (_, change, method) => {
    const socket = rawWebSocket(await startGateway(), change, method);
    const head = await readHead(socket);
    expect(head).toMatch(method === "POST" ? /^HTTP\/1\.1 405 / : /^HTTP\/1\.1 400 /);
    // RFC 6455 §4.4: the server names the versions that it knows.
    if ("Sec-WebSocket-Version" in change) expect(head).toMatch(/\r\nSec-WebSocket-Version: 13\b/);
    socket.resume();
    await once(socket, "end");
  });

  test.each<[string, HeaderChanges, number]>([
    ["Origin: null", { Origin: "null" }, 403],
    ["two Origin headers, the allowed one first", { Origin: [ORIGIN, "https://evil.example"] }, 403],
    ["two Origin headers, the allowed one last", { Origin: ["https://evil.example", ORIGIN] }, 403],
    ["two allowed Origin headers", { Origin: [ORIGIN, ORIGIN] }, 403],
    ["an empty Origin", { Origin: "" }, 403],
    ["the origin in the header of old drafts", { Origin: undefined, "Sec-WebSocket-Origin": ORIGIN }, 403],
    [
      "an old version with the origin in its header",
      { Origin: undefined, "Sec-WebSocket-Origin": ORIGIN, "Sec-WebSocket-Version": "8" },
      403,
    ],
    ["no Host", { Host: undefined }, 400],
    ["the Host of another site", { Host: "rebound.example" }, 421],
  ])("with %s is refused, and the connection closed", async (_, change, status) => {
    const { event, ...started } = await startGateway();
    const socket = rawWebSocket(started, change);
    expect(await readHead(socket)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    await once(socket, "end");
    expect(await event("refused")).toMatchObject({ reason: status === 403 ? "origin" : "host" });
  });

  test("with two Host headers is refused, even if both are allowed", async () => {
    const { event, ...started } = await startGateway();
    const allowed = `127.0.0.1:${started.port}`;
    for (const Host of [
      [allowed, "rebound.example"],
      ["rebound.example", allowed],
      [allowed, allowed],
    ])
      expect(await readHead(rawWebSocket(started, { Host }))).toMatch(/^HTTP\/1\.1 400 /);
    expect(await event("refused", 3)).toMatchObject({ reason: "host" });
  });
});

describe("the gateway closes a WebSocket on", () => {
  test.each<[string, Buffer, number]>([
    ["an unmasked frame", frame(2, X, { masked: false }), 1002],
    ["an unmasked ping", frame(9, X, { masked: false }), 1002],
    ["a compressed frame", frame(2, X, { reserved: 4 }), 1002],
    ["the reserved bit RSV2", frame(2, X, { reserved: 2 }), 1002],
    ["the reserved bit RSV3", frame(2, X, { reserved: 1 }), 1002],
    ["a reserved bit in a ping", frame(9, X, { reserved: 4 }), 1002],
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
      (opcode) => [`the reserved opcode ${opcode}`, frame(opcode, X), 1002] as [string, Buffer, number],
    ),
    ["a fragmented ping", part(9), 1002],
    ["a fragmented pong", part(10), 1002],
    ["a fragmented close", part(8), 1002],
    ["a ping of more than 125 bytes", frame(9, Buffer.alloc(126)), 1002],
    ["a continuation of no message", part(0), 1002],
    ["a new message within a fragmented one", Buffer.concat([part(2), part(2)]), 1002],
    ["text that is not UTF-8", frame(1, Buffer.from([0xc3, 0x28])), 1007],
    ["text with an encoded surrogate", frame(1, Buffer.from([0xed, 0xa0, 0x80])), 1007],
    [
      "fragmented text that is not UTF-8",
      Buffer.concat([frame(1, Buffer.from([0xc3]), { isLast: false }), frame(0, Buffer.from([0x28]))]),
      1007,
    ],
    ["a close of 1 byte", frame(8, X), 1002],
    ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000].map(
      (code) => [`a close with the code ${code}`, close(code), 1002] as [string, Buffer, number],
    ),
    ["a close whose reason is not UTF-8", close(1000, Buffer.from([0xff])), 1007],
    ["a message of more than 64 KiB", frame(2, Buffer.alloc(65_537)), 1009],
    [
      "a fragmented message of more than 64 KiB",
      Buffer.concat([frame(2, Buffer.alloc(65_536), { isLast: false }), frame(0, X)]),
      1009,
    ],
    // The header alone is refused: no byte of the payload is awaited.
    ["the header of a message of 2³² bytes", frameHeader(2, 2n ** 32n), 1009],
    ["the header of a message of 2⁶³ bytes", frameHeader(2, 2n ** 63n), 1009],
    [
      "a message of more than 256 fragments",
      Buffer.concat(Array.from({ length: 300 }, (_, i) => part(i === 0 ? 2 : 0))),
      1008,
    ],
  ])("%s, as RFC 6455 requires", async (_, bytes, code) => {
    const { gateway, event, ...started } = await startGateway();
    // An offered extension must not change what is valid.
    const socket = rawWebSocket(started, { "Sec-WebSocket-Extensions": "permessage-deflate" });
    expect(await readHead(socket)).toMatch(/^HTTP\/1\.1 101 /);
    socket.write(bytes);
    expect(await readClose(socket)).toBe(code);
    // The gateway closes the TCP connection as well.
    socket.resume();
    await once(socket, "end");
    socket.end();
    await event("rejected");
    expect(gateway.metrics()).toContain("nacre_gateway_pending 0\n");
  });

  test("a close frame, with the same code", async () => {
    const socket = rawWebSocket(await startGateway());
    await readHead(socket);
    socket.write(close(1000));
    expect(await readClose(socket)).toBe(1000);
  });
});

test("a pong that arrives after the end of a connection is ignored", async () => {
  const { event, ...started } = await startGateway();
  const socket = rawWebSocket(started);
  await readHead(socket);
  // The text ends the connection before the pong is read.
  socket.write(Buffer.concat([frame(1, X), frame(10, X)]));
  expect(await readClose(socket)).toBe(CLOSE_KINDS["protocol-error"].code);
  socket.end(close(CLOSE_KINDS["protocol-error"].code));
  await once(socket, "close");
  expect(await event("rejected")).toMatchObject({ detail: "a text message" });
});

test("a peer that does not close its side of the TCP connection is disconnected after the close frame", async () => {
  const { server, ...started } = await startGateway();
  const sockets: { destroyed: boolean }[] = [];
  server.on("connection", (socket) => sockets.push(socket));
  const violation = rawWebSocket(started);
  await readHead(violation);
  violation.write(frame(2, X, { masked: false }));
  expect(await readClose(violation)).toBe(1002);
  const refused = rawWebSocket(started);
  await readHead(refused);
  refused.write(frame(2, Buffer.from([99])));
  expect(await readClose(refused)).toBe(4400);
  await expect.poll(() => sockets.map(({ destroyed }) => destroyed), { timeout: 10_000 }).toEqual([true, true]);
});

describe("the largest message", () => {
  test("of a plain WebSocket is 64 KiB: it passes whole, also in fragments; a byte more ends the connection", async () => {
    const { port } = await tcpServer(echo);
    const { url, event } = await startGateway({ allow: [`127.0.0.1:${port}`], plain: `127.0.0.1:${port}` });
    const ws = pageSocket(url, {}, ["binary"]);
    await once(ws, "open");
    const received: number[] = [];
    ws.on("message", (data: Buffer) => received.push(data.length));
    ws.send(Buffer.alloc(65_536));
    ws.send(Buffer.alloc(65_535), { fin: false });
    ws.send(Buffer.alloc(1), { fin: true });
    while (received.reduce((sum, one) => sum + one, 0) < 131_072) await once(ws, "message");
    ws.send(Buffer.alloc(65_537));
    expect(await closedOf(ws)).toMatchObject({ code: 1009 });
    expect(await event("closed")).toMatchObject({ reason: "protocol-error", bytesUp: 131_072 });
  });

  test("of a tunnel is 64 KiB with its number; a byte more ends the tunnel", async () => {
    const { port } = await tcpServer(echo);
    const { gateway, url, event } = await startGateway({ allow: [`127.0.0.1:${port}`] });
    const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
    await page.opened;
    page.ws.send(encodeTunnelMessage({ type: "data", data: new Uint8Array(65_535) }));
    await page.receives(65_535);
    page.ws.send(Buffer.alloc(65_537, TUNNEL_MESSAGE.DATA));
    expect(await closedOf(page.ws)).toMatchObject({ code: 1009 });
    expect(await event("closed")).toMatchObject({ reason: "protocol-error", bytesUp: 65_535 });
  });

  test("before a connection is 4 KiB: its ticket is checked; a byte more is refused", async () => {
    const { url, event } = await startGateway({ allow: ["a.example:22"] });
    const closeReason = async (length: number): Promise<string> => {
      const ws = pageSocket(url);
      await once(ws, "open");
      ws.send(open("A".repeat(length - open("").length)));
      return (await closedOf(ws)).reason;
    };
    expect(await closeReason(4096)).toBe("ticket-refused");
    expect(await closeReason(4097)).toBe("protocol-error");
    expect(await event("rejected", 2)).toMatchObject({ detail: "a first message of 4097 bytes" });
  });
});
