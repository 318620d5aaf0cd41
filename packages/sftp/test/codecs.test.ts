import { fromHex } from "@nacre/testing/bytes";
import { expectError } from "@nacre/testing/errors";
import { SshError, type Structure, toHex, utf8Encode, Writer } from "@nacre/wire";
import fc, { type Arbitrary } from "fast-check";
import { describe, expect, it } from "vitest";
import type { SftpClientRequest } from "../src/client.ts";
import { attributes as attributesField, attributesLength } from "../src/messages/attributes.ts";
import { SFTP_EXTENSIONS } from "../src/messages/extensions.ts";
import { init, version } from "../src/messages/handshake.ts";
import { encodePath } from "../src/paths.ts";
import { RequestOutput } from "../src/request-output.ts";
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  extensionFor,
  REQUESTS,
  type RequestType,
  type SftpReply,
  type SftpRequest,
} from "../src/table.ts";
import { ScriptedServer } from "./scripted-server.ts";

const bytes = fc.uint8Array({ maxLength: 40 });
const path = fc.uint8Array({ min: 1, maxLength: 40 });
const text = fc.string({ unit: "grapheme", maxLength: 20 });
const name = fc.stringMatching(/^[!-~]{1,20}$/);
const uint32 = fc.nat(0xffff_ffff);
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
const offset = fc.maxSafeNat();
const optional = <T>(value: Arbitrary<T>): Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const attributes = fc.record({
  size: optional(uint64),
  owner: optional(fc.record({ uid: uint32, gid: uint32 })),
  permissions: optional(uint32),
  times: optional(fc.record({ atime: uint32, mtime: uint32 })),
  extended: optional(fc.array(fc.record({ type: bytes, data: bytes }), { maxLength: 3 })),
});
const twoPaths = { oldPath: path, newPath: path };
const onPath = { path };
const onHandle = { handle: bytes };

/** Arbitrary values of the fields of each request. A request without a row is a compile error. */
const REQUEST_FIELDS: Readonly<Record<RequestType, Readonly<Record<string, Arbitrary<unknown>>>>> = {
  open: { path, flags: uint32, attributes },
  close: onHandle,
  read: { handle: bytes, offset, length: uint32 },
  write: { handle: bytes, offset, data: bytes },
  stat: onPath,
  lstat: onPath,
  fstat: onHandle,
  setstat: { path, attributes },
  fsetstat: { handle: bytes, attributes },
  opendir: onPath,
  readdir: onHandle,
  remove: onPath,
  mkdir: { path, attributes },
  rmdir: onPath,
  realpath: onPath,
  rename: twoPaths,
  readlink: onPath,
  symlink: { targetPath: path, linkPath: path },
  "posix-rename": twoPaths,
  statvfs: onPath,
  fstatvfs: onHandle,
  hardlink: twoPaths,
  fsync: onHandle,
  lsetstat: { path, attributes },
  limits: {},
  "expand-path": onPath,
  "copy-data": { readHandle: bytes, readOffset: offset, length: offset, writeHandle: bytes, writeOffset: offset },
  "home-directory": { userName: text },
  "users-groups-by-id": { uids: fc.array(uint32, { maxLength: 4 }), gids: fc.array(uint32, { maxLength: 4 }) },
  extended: { name: name.map((one) => `${one}@example.com`), data: bytes },
};

const nameEntry = fc.record({ filename: path, longname: bytes, attributes });
const statvfs = fc.record({
  bsize: uint64,
  frsize: uint64,
  blocks: uint64,
  bfree: uint64,
  bavail: uint64,
  files: uint64,
  ffree: uint64,
  favail: uint64,
  fsid: uint64,
  flag: uint64,
  namemax: uint64,
});
const limits = fc.record({
  maxPacketLength: uint64,
  maxReadLength: uint64,
  maxWriteLength: uint64,
  maxOpenHandles: uint64,
});
const names = fc.array(text, { maxLength: 4 });

/** Arbitrary values of the fields of each reply, and the type of a request with this reply. */
const REPLY_FIELDS: Readonly<
  Record<SftpReply["type"], readonly [RequestType, Readonly<Record<string, Arbitrary<unknown>>>]>
> = {
  status: ["mkdir", { status: uint32, message: text, languageTag: text }],
  handle: ["open", { handle: fc.uint8Array({ maxLength: 256 }) }],
  data: ["read", { data: bytes }],
  names: ["readdir", { names: fc.array(nameEntry, { maxLength: 4 }) }],
  attributes: ["stat", { attributes }],
  statvfs: ["statvfs", { statvfs }],
  limits: ["limits", { limits }],
  "users-groups": ["users-groups-by-id", { users: names, groups: names }],
  extended: ["extended", { data: bytes }],
};

const TYPES = Object.keys(REQUESTS) as RequestType[];
const REPLIES = Object.keys(REPLY_FIELDS) as SftpReply["type"][];

function requestOf(type: RequestType): Arbitrary<SftpRequest> {
  return fc.record({
    type: fc.constant(type),
    ...REQUEST_FIELDS[type],
  }) as Arbitrary<unknown> as Arbitrary<SftpRequest>;
}

function replyOf(type: SftpReply["type"]): Arbitrary<SftpReply> {
  const [, model] = REPLY_FIELDS[type];
  return fc.record({ type: fc.constant(type), ...model }) as Arbitrary<unknown> as Arbitrary<SftpReply>;
}

/** Returns the decoded value, or `undefined` if the packet is malformed. Any other error fails the test. */
function decodedOrMalformed<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof SshError && /^(?:malformed|unexpected)-message$/.test(error.code)) return undefined;
    throw error;
  }
}

describe("every request", () => {
  it.each(TYPES)("%s decodes as encoded, and is refused truncated or extended", (type) => {
    fc.assert(
      fc.property(requestOf(type), uint32, (request, id) => {
        const packet = encodeRequest(id, request);
        expect(toHex(packet.subarray(1, 5))).toBe(id.toString(16).padStart(8, "0"));
        expect(decodeRequest(packet)).toEqual(request);
        for (let cut = 5; cut < packet.length; cut++) {
          const decoded = decodedOrMalformed(() => decodeRequest(packet.subarray(0, cut)));
          if (type !== "extended" && decoded !== undefined) expect.unreachable(`decoded ${cut} bytes`);
        }
        const decoded = decodedOrMalformed(() => decodeRequest(Uint8Array.of(...packet, 0)));
        if (type !== "extended") expect(decoded).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  it("is decoded or refused for any bytes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 80 }), (number, tail) => {
        const request = decodedOrMalformed(() => decodeRequest(Uint8Array.of(number, 0, 0, 0, 1, ...tail)));
        if (request !== undefined) expect(decodeRequest(encodeRequest(1, request))).toEqual(request);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a request in the output", () => {
  it.each(["open", "close", "read", "rename", "posix-rename"] as const)("%s has the bytes of the codec", (type) => {
    fc.assert(
      fc.property(fc.array(requestOf(type), { minLength: 1 }), uint32, (requests, id) => {
        fc.pre(requests.every((one) => one.type !== "read" || Number.isSafeInteger(one.offset + one.length)));
        const output = new RequestOutput();
        for (const request of requests) output.request(id, request, 2 ** 20);
        const packets = requests.flatMap((request) => {
          const packet = encodeRequest(id, request);
          return [...new Writer().uint32(packet.length).raw(packet).finish()];
        });
        expect(toHex(output.unsent)).toBe(toHex(Uint8Array.from(packets)));
      }),
      { numRuns: 50 },
    );
  });

  it.each<readonly [string, SftpRequest]>([
    ["a path with NUL", { type: "open", path: Uint8Array.of(97, 0), flags: 1, attributes: {} }],
    ["a new path with NUL", { type: "posix-rename", oldPath: encodePath("a"), newPath: Uint8Array.of(0) }],
    ["an old path with NUL", { type: "rename", oldPath: Uint8Array.of(0), newPath: encodePath("a") }],
    ["flags above 2^32 - 1", { type: "open", path: encodePath("a"), flags: 2 ** 32, attributes: {} }],
    ["a fraction of a permission", { type: "open", path: encodePath("a"), flags: 1, attributes: { permissions: 0.5 } }],
  ])("does not have %s, which the client refuses without sending anything", (_, request) => {
    const server = new ScriptedServer().ready();
    expectError("usage", () => server.client.request(request as SftpClientRequest, ""));
    expect([server.client.unsent.length, server.client.requestCount]).toEqual([0, 0]);
  });
});

describe("every reply", () => {
  it.each(REPLIES)("%s decodes as encoded, and is refused truncated or extended", (type) => {
    const [request] = REPLY_FIELDS[type];
    fc.assert(
      fc.property(replyOf(type), uint32, (reply, id) => {
        const packet = encodeReply(id, reply);
        expect(toHex(packet.subarray(1, 5))).toBe(id.toString(16).padStart(8, "0"));
        expect(decodeReply(packet, request)).toEqual(reply);
        // The texts of a status may be missing, and "extended" has any fields.
        const isOpenEnded = type === "status" || type === "extended";
        for (let cut = 5; cut < packet.length; cut++) {
          const decoded = decodedOrMalformed(() => decodeReply(packet.subarray(0, cut), request));
          if (!isOpenEnded && decoded !== undefined) expect.unreachable(`decoded ${cut} bytes`);
        }
        const decoded = decodedOrMalformed(() => decodeReply(Uint8Array.of(...packet, 0), request));
        if (!isOpenEnded) expect(decoded).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  it("is decoded or refused for any bytes", () => {
    const number = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 101, max: 105 }), fc.constant(201));
    fc.assert(
      fc.property(number, fc.constantFrom(...TYPES), fc.uint8Array({ maxLength: 80 }), (first, type, tail) => {
        const reply = decodedOrMalformed(() => decodeReply(Uint8Array.of(first, 0, 0, 0, 1, ...tail), type));
        if (reply !== undefined) expect(decodeReply(encodeReply(1, reply), type)).toEqual(reply);
      }),
      { numRuns: 400 },
    );
  });
});

describe("the handshake", () => {
  const handshake = fc.record({
    version: uint32,
    extensions: fc.array(fc.record({ name, data: bytes }), { maxLength: 4 }),
  });

  it.each<readonly [string, Structure<object>]>([
    ["SSH_FXP_INIT", init],
    ["SSH_FXP_VERSION", version],
  ])("%s decodes as encoded", (_, codec) => {
    fc.assert(
      fc.property(handshake, (value) => {
        expect(codec.decode(codec.encode(value))).toEqual(value);
      }),
    );
  });
});

describe("attributes", () => {
  it("have the computed length", () => {
    fc.assert(
      fc.property(attributes, (value) => {
        const writer = new Writer();
        attributesField.write(writer, value);
        expect(writer.finish().length).toBe(attributesLength(value));
      }),
    );
  });

  it("ignore unknown flags, as OpenSSH does", () => {
    const reply = decodeReply(fromHex("69 00000001 00000104 000001a4".replaceAll(" ", "")), "stat");
    expect(reply).toMatchObject({ attributes: { permissions: 0o644, size: undefined, times: undefined } });
  });

  it("have at most 256 extended pairs", () => {
    const packet = fromHex("69 00000001 80000000 ffffffff".replaceAll(" ", ""));
    expect(expectError("malformed-message", () => decodeReply(packet, "stat"))).toMatch(
      /has 4294967295 items; the limit is 256/,
    );
  });
});

describe("packets written by hand from the draft", () => {
  it.each<readonly [string, SftpRequest, string]>([
    [
      "SSH_FXP_OPEN (§6.3)",
      { type: "open", path: utf8Encode("a"), flags: 0x1a, attributes: { permissions: 0o600 } },
      "03 00000007 00000001 61 0000001a 00000004 00000180",
    ],
    [
      "SSH_FXP_READ (§6.4)",
      { type: "read", handle: Uint8Array.of(9), offset: 0x1_0000_0002, length: 32768 },
      "05 00000007 00000001 09 00000001 00000002 00008000",
    ],
    [
      "SSH_FXP_SETSTAT (§6.9)",
      { type: "setstat", path: utf8Encode("a"), attributes: { size: 2n ** 63n, owner: { uid: 1, gid: 2 } } },
      "09 00000007 00000001 61 00000003 80000000 00000000 00000001 00000002",
    ],
    [
      "SSH_FXP_SYMLINK with the target first (OpenSSH PROTOCOL §4.1)",
      { type: "symlink", targetPath: utf8Encode("t"), linkPath: utf8Encode("l") },
      "14 00000007 00000001 74 00000001 6c",
    ],
    [
      "copy-data (OpenSSH PROTOCOL §4.10)",
      {
        type: "copy-data",
        readHandle: Uint8Array.of(1),
        readOffset: 2,
        length: 3,
        writeHandle: Uint8Array.of(4),
        writeOffset: 5,
      },
      "c8 00000007 00000009 636f70792d64617461 00000001 01 0000000000000002 0000000000000003 00000001 04 0000000000000005",
    ],
    [
      "users-groups-by-id (OpenSSH PROTOCOL §4.12)",
      { type: "users-groups-by-id", uids: [1, 2], gids: [3] },
      "c8 00000007 0000001e 75736572732d67726f7570732d62792d6964406f70656e7373682e636f6d 00000008 00000001 00000002 00000004 00000003",
    ],
  ])("%s", (_, request, hex) => {
    expect(toHex(encodeRequest(7, request))).toBe(hex.replaceAll(" ", ""));
    expect(decodeRequest(fromHex(hex.replaceAll(" ", "")))).toEqual(request);
  });

  it("SSH_FXP_STATUS without message and language tag, as some servers send it", () => {
    const reply = decodeReply(fromHex("650000000700000002"), "stat");
    expect(reply).toEqual({ type: "status", status: 2, message: "", languageTag: "" });
  });
});

describe("values that do not fit their field are refused as the caller's mistake", () => {
  const handle = new Uint8Array(1);
  it.each<readonly [string, object]>([
    ["a permission above 2^32 - 1", { type: "mkdir", path: handle, attributes: { permissions: 2 ** 32 } }],
    ["a negative user id", { type: "setstat", path: handle, attributes: { owner: { uid: -1, gid: 0 } } }],
    ["a fraction of a second", { type: "setstat", path: handle, attributes: { times: { atime: 0.5, mtime: 0 } } }],
    ["a size as a number", { type: "setstat", path: handle, attributes: { size: 5 } }],
    ["a negative size", { type: "setstat", path: handle, attributes: { size: -1n } }],
    ["a size of 2^64", { type: "setstat", path: handle, attributes: { size: 2n ** 64n } }],
    ["an offset of 2^53", { type: "read", handle, offset: 2 ** 53, length: 1 }],
    ["a negative offset", { type: "write", handle, offset: -1, data: handle }],
    ["a path with NUL", { type: "stat", path: Uint8Array.of(97, 0, 98) }],
  ])("%s", (_, request) => {
    expectError("usage", () => encodeRequest(1, request as SftpRequest));
  });
});

it("a write may be as long as a packet, and no longer", () => {
  const output = new RequestOutput();
  const handle = Uint8Array.of(1, 2, 3);
  output.write(1, handle, 0, new Uint8Array(76), 100);
  expect(output.unsent).toHaveLength(4 + 100);
  expectError("usage", () => output.write(2, handle, 0, new Uint8Array(77), 100));
});

it("the extension of a request, and none for one of the draft", () => {
  expect(extensionFor("fsync")).toBe(SFTP_EXTENSIONS.fsync);
  expect(extensionFor("stat")).toBeUndefined();
});

describe("values that Nacre cannot represent are refused as malformed", () => {
  it.each([
    ["an offset of 2^53", "05 00000007 00000001 09 00200000 00000000 00000001"],
    ["a path with NUL", "11 00000007 00000003 610062"],
    [
      "a list of user ids that ends within one",
      "c8 00000007 0000001e 75736572732d67726f7570732d62792d6964406f70656e7373682e636f6d 00000003 000001 00000000",
    ],
    ["an extension name that is not US-ASCII", "c8 00000007 00000001 ff"],
  ])("%s", (_, hex) => {
    expectError("malformed-message", () => decodeRequest(fromHex(hex.replaceAll(" ", ""))));
  });
});
