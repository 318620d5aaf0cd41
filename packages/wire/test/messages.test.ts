import * as wire from "@nacre/wire";
import {
  isLoginMethodNumber,
  MESSAGE_TABLE,
  type Message,
  Reader,
  SshError,
  type Structure,
  toHex,
  Writer,
} from "@nacre/wire";
import fc, { type Arbitrary } from "fast-check";
import { describe, expect, it } from "vitest";

const bytes = fc.uint8Array({ maxLength: 40 });
const text = fc.string({ unit: "grapheme", maxLength: 20 });
const name = fc.stringMatching(/^[!-+\--~]{1,20}$/);
const names = fc.array(name, { maxLength: 4 });
const uint32 = fc.nat(0xffff_ffff);
const flag = fc.boolean();
const mpint = fc.bigInt(0n, 1n << 200n);
const none = fc.constant({});
const channel = { recipientChannel: uint32 };
const optional = <T>(value: Arbitrary<T>): Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const record = fc.record as (model: Record<string, Arbitrary<unknown>>) => Arbitrary<object>;

/** Arbitrary values for each codec that `wire` exports. A codec without a row fails a test below. */
const VALUES: Record<string, Arbitrary<object>> = {
  SSH_MSG_DISCONNECT: record({ reasonCode: uint32, description: text, languageTag: text }),
  SSH_MSG_IGNORE: record({ data: bytes }),
  SSH_MSG_UNIMPLEMENTED: record({ sequenceNumber: uint32 }),
  SSH_MSG_DEBUG: record({ alwaysDisplay: flag, message: text, languageTag: text }),
  SSH_MSG_SERVICE_REQUEST: record({ serviceName: name }),
  SSH_MSG_SERVICE_ACCEPT: record({ serviceName: name }),
  SSH_MSG_EXT_INFO: record({ extensions: fc.array(fc.record({ name, value: bytes }), { maxLength: 4 }) }),
  SSH_MSG_KEXINIT: record({
    cookie: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    kexAlgorithms: names,
    serverHostKeyAlgorithms: names,
    encryptionAlgorithmsClientToServer: names,
    encryptionAlgorithmsServerToClient: names,
    macAlgorithmsClientToServer: names,
    macAlgorithmsServerToClient: names,
    compressionAlgorithmsClientToServer: names,
    compressionAlgorithmsServerToClient: names,
    languagesClientToServer: names,
    languagesServerToClient: names,
    firstKexPacketFollows: flag,
    reserved: uint32,
  }),
  SSH_MSG_NEWKEYS: none,
  SSH_MSG_KEX_ECDH_INIT: record({ clientPublicKey: bytes }),
  SSH_MSG_KEX_ECDH_REPLY: record({ hostKey: bytes, serverPublicKey: bytes, signature: bytes }),
  SSH_MSG_KEXDH_INIT: record({ e: mpint }),
  SSH_MSG_KEXDH_REPLY: record({ hostKey: bytes, f: mpint, signature: bytes }),
  SSH_MSG_KEX_DH_GEX_REQUEST: record({ min: uint32, n: uint32, max: uint32 }),
  SSH_MSG_KEX_DH_GEX_GROUP: record({ p: mpint, g: mpint }),
  SSH_MSG_KEX_DH_GEX_INIT: record({ e: mpint }),
  SSH_MSG_KEX_DH_GEX_REPLY: record({ hostKey: bytes, f: mpint, signature: bytes }),
  SSH_MSG_PING: record({ data: bytes }),
  SSH_MSG_PONG: record({ data: bytes }),
  SSH_MSG_USERAUTH_REQUEST: record({ userName: text, serviceName: name, methodName: name, methodData: bytes }),
  userauthPublickey: record({ algorithm: name, publicKey: bytes, signature: optional(bytes) }),
  userauthHostBound: record({ algorithm: name, publicKey: bytes, signature: optional(bytes), hostKey: bytes }),
  userauthPassword: record({ password: text, newPassword: optional(text) }),
  userauthKeyboardInteractive: record({ languageTag: text, submethods: text }),
  SSH_MSG_USERAUTH_FAILURE: record({ authenticationsThatCanContinue: names, partialSuccess: flag }),
  SSH_MSG_USERAUTH_SUCCESS: none,
  SSH_MSG_USERAUTH_BANNER: record({ message: text, languageTag: text }),
  SSH_MSG_USERAUTH_PK_OK: record({ algorithm: name, publicKey: bytes }),
  SSH_MSG_USERAUTH_PASSWD_CHANGEREQ: record({ prompt: text, languageTag: text }),
  SSH_MSG_USERAUTH_INFO_REQUEST: record({
    name: text,
    instruction: text,
    languageTag: text,
    prompts: fc.array(fc.record({ prompt: text, echo: flag }), { maxLength: 4 }),
  }),
  SSH_MSG_USERAUTH_INFO_RESPONSE: record({ responses: fc.array(text, { maxLength: 4 }) }),
  SSH_MSG_GLOBAL_REQUEST: record({ requestName: name, wantReply: flag, data: bytes }),
  SSH_MSG_REQUEST_SUCCESS: record({ data: bytes }),
  SSH_MSG_REQUEST_FAILURE: none,
  SSH_MSG_CHANNEL_OPEN: record({
    channelType: name,
    senderChannel: uint32,
    initialWindowSize: uint32,
    maximumPacketSize: uint32,
    data: bytes,
  }),
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION: record({
    ...channel,
    senderChannel: uint32,
    initialWindowSize: uint32,
    maximumPacketSize: uint32,
    data: bytes,
  }),
  SSH_MSG_CHANNEL_OPEN_FAILURE: record({ ...channel, reasonCode: uint32, description: text, languageTag: text }),
  SSH_MSG_CHANNEL_WINDOW_ADJUST: record({ ...channel, bytesToAdd: uint32 }),
  SSH_MSG_CHANNEL_DATA: record({ ...channel, data: bytes }),
  SSH_MSG_CHANNEL_EXTENDED_DATA: record({ ...channel, dataTypeCode: uint32, data: bytes }),
  SSH_MSG_CHANNEL_EOF: record(channel),
  SSH_MSG_CHANNEL_CLOSE: record(channel),
  SSH_MSG_CHANNEL_REQUEST: record({ ...channel, requestType: name, wantReply: flag, data: bytes }),
  SSH_MSG_CHANNEL_SUCCESS: record(channel),
  SSH_MSG_CHANNEL_FAILURE: record(channel),
  tcpipForward: record({ address: text, port: uint32 }),
  tcpipChannel: record({ address: text, port: uint32, originatorAddress: text, originatorPort: uint32 }),
  tcpipForwardReply: record({ port: uint32 }),
  directStreamlocal: record({ path: text, reserved: bytes, reservedNumber: uint32 }),
  forwardedStreamlocal: record({ path: text, reserved: bytes }),
  streamlocalForward: record({ path: text }),
  x11Channel: record({ originatorAddress: text, originatorPort: uint32 }),
  ptyRequest: record({
    term: text,
    columns: uint32,
    rows: uint32,
    widthPixels: uint32,
    heightPixels: uint32,
    modes: bytes,
  }),
  x11Request: record({
    singleConnection: flag,
    authenticationProtocol: text,
    authenticationCookie: text,
    screenNumber: uint32,
  }),
  envRequest: record({ name: text, value: text }),
  execRequest: record({ command: bytes }),
  subsystemRequest: record({ name: text }),
  windowChange: record({ columns: uint32, rows: uint32, widthPixels: uint32, heightPixels: uint32 }),
  xonXoff: record({ clientCanDo: flag }),
  signalRequest: record({ signalName: name }),
  breakRequest: record({ breakLength: uint32 }),
  exitStatus: record({ exitStatus: uint32 }),
  exitSignal: record({ signalName: name, coreDumped: flag, errorMessage: text, languageTag: text }),
};

/** Optional informative fields at the end of messages, each with its value if the peer omits it. */
const INFORMING: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  SSH_MSG_DISCONNECT: { reasonCode: 0, description: "", languageTag: "" },
  SSH_MSG_DEBUG: { languageTag: "" },
  SSH_MSG_USERAUTH_BANNER: { languageTag: "" },
  SSH_MSG_CHANNEL_OPEN_FAILURE: { description: "", languageTag: "" },
  exitSignal: { errorMessage: "", languageTag: "" },
};

/** Returns the length of the part of an encoded value that decoding requires. An empty informative field takes four bytes. */
function neededLength(key: string, codec: Structure<object>, value: object): number {
  const fields = INFORMING[key]!;
  return codec.encode({ ...value, ...fields }).length - 4 * Object.keys(fields).length;
}

const codecs = Object.entries<unknown>(wire).filter((entry): entry is [string, Structure<object>] => {
  const value = entry[1];
  return typeof value === "object" && value !== null && "decode" in value;
});

describe("every codec", () => {
  it("has a row in VALUES", () => {
    expect(codecs.map(([key]) => key).sort()).toEqual(Object.keys(VALUES).sort());
  });

  it.each(codecs)("%s decodes its own output, and rejects it truncated or extended", (key, codec) => {
    fc.assert(
      fc.property(VALUES[key]!, (value) => {
        const encoded = codec.encode(value);
        expect(codec.decode(encoded)).toEqual(value);
        // A message that ends with a `rest` or an informative field stays valid if that field is truncated or extended.
        const openEnded = "data" in value || "methodData" in value;
        const needed = key in INFORMING ? neededLength(key, codec, value) : Number.POSITIVE_INFINITY;
        for (let cut = 0; cut < encoded.length; cut++) {
          outcome(codec, encoded.subarray(0, cut), openEnded || cut >= needed);
        }
        outcome(codec, Uint8Array.of(...encoded, 0), openEnded || key in INFORMING);
      }),
      { numRuns: 30 },
    );
  });

  it.each(Object.keys(INFORMING))("%s decodes although its informative fields are truncated or extended", (key) => {
    const codec = (wire as unknown as Record<string, Structure<Record<string, unknown>>>)[key]!;
    fc.assert(
      fc.property(VALUES[key]!, bytes, (made, more) => {
        const value = made as Record<string, unknown>;
        const encoded = codec.encode(value);
        expect(codec.decode(wire.concatBytes(encoded, more))).toEqual(value);
        for (let cut = neededLength(key, codec, value); cut < encoded.length; cut++) {
          const read = codec.decode(encoded.subarray(0, cut));
          for (const field of Object.keys(value)) {
            const missing = field in INFORMING[key]! && read[field] === INFORMING[key]![field];
            if (!missing) expect([field, read[field]]).toEqual([field, value[field]]);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it.each(codecs)("%s returns a value or throws an SshError for any bytes", (_, codec) => {
    const start = "number" in codec ? Uint8Array.of((codec as Message<object>).number) : new Uint8Array();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (tail) => {
        outcome(codec, wire.concatBytes(start, tail), true);
      }),
    );
  });
});

function outcome(codec: Structure<object>, encoded: Uint8Array, mayDecode: boolean): void {
  try {
    codec.decode(encoded);
    if (!mayDecode && encoded.length > 0) expect.unreachable(`${codec.name} decoded ${toHex(encoded)}`);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    expect(error.code).toBe("malformed-message");
  }
}

describe("counts greater than the remaining bytes", () => {
  it.each([
    [
      "prompts",
      () => new Writer().byte(60).string("").string("").string("").uint32(0xffff_ffff).finish(),
      wire.SSH_MSG_USERAUTH_INFO_REQUEST,
    ],
    ["responses", () => new Writer().byte(61).uint32(0xffff_ffff).finish(), wire.SSH_MSG_USERAUTH_INFO_RESPONSE],
    ["extensions", () => new Writer().byte(7).uint32(0xffff_ffff).finish(), wire.SSH_MSG_EXT_INFO],
  ])("of %s are rejected before any item is read", (_, encoded, codec) => {
    expect(() => codec.decode(encoded())).toThrow(/declares 4294967295 items, but only \d+ bytes left/);
  });
});

describe("the message table", () => {
  it("contains each message codec of `wire` once, except those of login methods", () => {
    const messages = codecs
      .filter(([key, codec]) => key.startsWith("SSH_MSG_") && !isLoginMethodNumber((codec as Message<unknown>).number))
      .map(([key]) => key);
    expect(MESSAGE_TABLE.map((row) => row.message.name).sort()).toEqual(messages.sort());
  });

  it("distinguishes messages with the same number by their method", () => {
    for (const { message } of MESSAGE_TABLE) {
      const methods = MESSAGE_TABLE.filter((row) => row.message.number === message.number).map((row) => row.method);
      expect(new Set(methods).size).toBe(methods.length);
      if (methods.length > 1) expect(methods).not.toContain(undefined);
    }
  });
});

describe("the data that a publickey login signs", () => {
  it("is the session identifier and the request up to its signature (RFC 4252 §7)", () => {
    const request = { userName: "alice", serviceName: "ssh-connection" };
    const key = { algorithm: "ssh-ed25519", publicKey: Uint8Array.of(1, 2, 3) };
    const signed = wire.userauthSignedData(Uint8Array.of(9, 9), request, key);
    const reader = new Reader(signed, "signed data");
    expect(reader.string("session identifier")).toEqual(Uint8Array.of(9, 9));
    const encoded = wire.SSH_MSG_USERAUTH_REQUEST.encode({
      ...request,
      methodName: "publickey",
      methodData: wire.userauthPublickey.encode({ ...key, signature: Uint8Array.of(7) }),
    });
    expect(toHex(encoded)).toBe(toHex(reader.rest()) + toHex(new Writer().string(Uint8Array.of(7)).finish()));
  });
});
