import {
  agreesOnStrictKex,
  createKexInit,
  guessIsRight,
  kexMethods,
  type NegotiatedNames,
  negotiate,
  takesExtInfo,
} from "@nacre/negotiation";
import { type KexInit, SSH_MSG_KEXINIT, SshError } from "@nacre/wire";
import {
  type Arbitrary,
  assert,
  boolean,
  constant,
  constantFrom,
  oneof,
  property,
  record,
  shuffledSubarray,
} from "fast-check";
import { describe, expect, test } from "vitest";

const cookie = new Uint8Array(16);
const proposal = { kex: ["k1", "k2"], hostKeys: ["h1", "h2"], ciphers: ["aead", "plain"], macs: ["m1"] };
const client = createKexInit(proposal, { role: "client", initial: true, cookie, firstKexPacketFollows: false });
const server = createKexInit(proposal, { role: "server", initial: true, cookie, firstKexPacketFollows: false });
const isAead = (cipher: string): boolean => cipher.startsWith("aead");

describe("KEXINIT", () => {
  test("contains the lists for both directions, and the markers of its side after the methods", () => {
    expect(client.kexAlgorithms).toEqual(["k1", "k2", "ext-info-c", "kex-strict-c-v00@openssh.com"]);
    expect(server.kexAlgorithms).toEqual(["k1", "k2", "ext-info-s", "kex-strict-s-v00@openssh.com"]);
    expect(client).toMatchObject({
      encryptionAlgorithmsClientToServer: ["aead", "plain"],
      encryptionAlgorithmsServerToClient: ["aead", "plain"],
      compressionAlgorithmsServerToClient: ["none"],
      languagesClientToServer: [],
      reserved: 0,
    });
    expect(SSH_MSG_KEXINIT.decode(SSH_MSG_KEXINIT.encode(client))).toEqual(client);
  });

  test("contains no markers in a later key exchange", () => {
    const later = createKexInit(proposal, { role: "client", initial: false, cookie, firstKexPacketFollows: false });
    expect(later.kexAlgorithms).toEqual(["k1", "k2"]);
    expect(takesExtInfo(later, "client")).toBe(false);
  });

  test("announces features of its side with markers", () => {
    expect(agreesOnStrictKex(client, server)).toBe(true);
    expect(agreesOnStrictKex(client, { ...server, kexAlgorithms: ["k1"] })).toBe(false);
    expect(agreesOnStrictKex({ ...client, kexAlgorithms: ["k1"] }, server)).toBe(false);
    // The marker of the other side is ignored.
    expect(agreesOnStrictKex(client, { ...server, kexAlgorithms: ["k1", "kex-strict-c-v00@openssh.com"] })).toBe(false);
    expect(takesExtInfo(client, "client")).toBe(true);
    expect(takesExtInfo(client, "server")).toBe(false);
    expect(kexMethods(client)).toEqual(["k1", "k2"]);
  });
});

describe("negotiate", () => {
  test("prefers the order of the client", () => {
    const other = { ...server, kexAlgorithms: ["k2", "k1"], serverHostKeyAlgorithms: ["h2"] };
    expect(negotiate(client, other, isAead)).toMatchObject({ kex: "k1", hostKey: "h2" });
  });

  test("chooses no MAC for an AEAD cipher, separately for each direction", () => {
    const noMacs = { ...server, macAlgorithmsClientToServer: [], encryptionAlgorithmsServerToClient: ["plain"] };
    expect(negotiate(client, noMacs, isAead)).toMatchObject({
      clientToServer: { cipher: "aead", mac: undefined },
      serverToClient: { cipher: "plain", mac: "m1" },
    });
  });

  test("never chooses a marker as a method, even if both sides send it", () => {
    for (const marker of ["ext-info-c", "ext-info-s", "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com"]) {
      const one = { ...client, kexAlgorithms: [marker, "k1"] };
      const two = { ...server, kexAlgorithms: [marker, "k2"] };
      expect(() => negotiate(one, two, isAead)).toThrow(/key exchange method/);
      expect(guessIsRight(one, { ...two, kexAlgorithms: ["k1"] })).toBe(true);
    }
  });

  test.each<[keyof KexInit, string]>([
    ["kexAlgorithms", "key exchange method"],
    ["serverHostKeyAlgorithms", "host key algorithm"],
    ["encryptionAlgorithmsClientToServer", "cipher from client to server"],
    ["encryptionAlgorithmsServerToClient", "cipher from server to client"],
    ["macAlgorithmsClientToServer", "MAC from client to server"],
    ["macAlgorithmsServerToClient", "MAC from server to client"],
    ["compressionAlgorithmsClientToServer", "compression from client to server"],
    ["compressionAlgorithmsServerToClient", "compression from server to client"],
  ])("rejects lists without a common name in %s", (list, name) => {
    const plain = {
      ...client,
      encryptionAlgorithmsClientToServer: ["plain"],
      encryptionAlgorithmsServerToClient: ["plain"],
    };
    const offers = (names: readonly string[]): string => {
      try {
        negotiate(plain, { ...server, [list]: names }, isAead);
      } catch (error) {
        expect(error).toMatchObject({ code: "no-common-algorithm", culprit: "unsupported" });
        return (error as SshError).message;
      }
      throw new Error("expected an error");
    };
    expect(offers(["x", "y"])).toMatch(new RegExp(`^no common ${name}: the client offers .*; the server offers x, y$`));
    expect(offers([])).toMatch(/the server offers none$/);
    expect(offers(Array.from({ length: 9000 }, (_, i) => `name${i}`)).length).toBeLessThan(1400);
  });

  test("accepts languages that are empty or have no match", () => {
    expect(negotiate(client, server, isAead).clientToServer.language).toBeUndefined();
    const german = { ...client, languagesClientToServer: ["de", "en"] };
    expect(negotiate(german, { ...server, languagesClientToServer: ["fr"] }, isAead).clientToServer.language).toBe(
      undefined,
    );
    const both = negotiate(german, { ...server, languagesClientToServer: ["en", "de"] }, isAead);
    expect(both.clientToServer.language).toBe("de");
    expect(both.serverToClient.language).toBeUndefined();
  });

  test("a guess is right if both sides prefer the same method and the same host key algorithm", () => {
    expect(guessIsRight(client, server)).toBe(true);
    expect(guessIsRight(client, { ...server, kexAlgorithms: ["k2", "k1"] })).toBe(false);
    expect(guessIsRight(client, { ...server, serverHostKeyAlgorithms: ["h2", "h1"] })).toBe(false);
    expect(guessIsRight(client, { ...server, serverHostKeyAlgorithms: ["h1"] })).toBe(true);
  });
});

/** Reference implementation of RFC 4253 §7.1, one statement per sentence of the RFC. */
function reference(client: KexInit, server: KexInit): NegotiatedNames | undefined {
  const markers = ["ext-info-c", "ext-info-s", "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com"];
  const hostKeysInCommon = client.serverHostKeyAlgorithms.filter((name) =>
    server.serverHostKeyAlgorithms.some((other) => other === name),
  );
  let kex: string | undefined;
  // "Iterate over client's kex algorithms, one at a time. Choose the first algorithm that satisfies the following conditions"
  for (const name of client.kexAlgorithms) {
    if (kex !== undefined || markers.includes(name)) continue;
    const serverHasIt = server.kexAlgorithms.some((other) => other === name);
    const signatureCapableHostKey = hostKeysInCommon.length > 0;
    if (serverHasIt && signatureCapableHostKey) kex = name;
  }
  if (kex === undefined) return undefined;
  const ways = (["ClientToServer", "ServerToClient"] as const).map((way) => {
    const cipher = first(client[`encryptionAlgorithms${way}`], server[`encryptionAlgorithms${way}`]);
    const mac = first(client[`macAlgorithms${way}`], server[`macAlgorithms${way}`]);
    const compression = first(client[`compressionAlgorithms${way}`], server[`compressionAlgorithms${way}`]);
    const language = first(client[`languages${way}`], server[`languages${way}`]);
    if (cipher === undefined || compression === undefined) return undefined;
    if (cipher.startsWith("aead")) return { cipher, mac: undefined, compression, language };
    return mac === undefined ? undefined : { cipher, mac, compression, language };
  });
  if (ways[0] === undefined || ways[1] === undefined) return undefined;
  return { kex, hostKey: hostKeysInCommon.at(0)!, clientToServer: ways[0], serverToClient: ways[1] };
}

function first(ours: readonly string[], theirs: readonly string[]): string | undefined {
  for (const a of ours) for (const b of theirs) if (a === b) return a;
  return undefined;
}

/** Arbitrary subsets of the names in arbitrary order; sometimes empty. */
const names = (...all: string[]): Arbitrary<string[]> =>
  oneof(
    { weight: 1, arbitrary: shuffledSubarray(all) },
    { weight: 4, arbitrary: shuffledSubarray(all, { minLength: all.length - 1 }) },
  );

const kexInit: Arbitrary<KexInit> = record({
  cookie: constant(cookie),
  kexAlgorithms: names("k1", "k2", "k3", "ext-info-c", "ext-info-s", "kex-strict-c-v00@openssh.com"),
  serverHostKeyAlgorithms: names("h1", "h2", "h3"),
  encryptionAlgorithmsClientToServer: names("aead1", "plain1", "aead2", "plain2"),
  encryptionAlgorithmsServerToClient: names("aead1", "plain1", "aead2", "plain2"),
  macAlgorithmsClientToServer: names("m1", "m2"),
  macAlgorithmsServerToClient: names("m1", "m2"),
  compressionAlgorithmsClientToServer: constantFrom(["none"], ["none", "zlib"], ["zlib", "none"], ["zlib"]),
  compressionAlgorithmsServerToClient: constantFrom(["none"], ["zlib", "none"]),
  languagesClientToServer: names("de", "en"),
  languagesServerToClient: names("de", "en"),
  firstKexPacketFollows: boolean(),
  reserved: constant(0),
});

test("agrees with the reference implementation of RFC 4253 §7.1 on random lists", () => {
  let agreed = 0;
  assert(
    property(kexInit, kexInit, (client, server) => {
      const expected = reference(client, server);
      if (expected === undefined) {
        expect(() => negotiate(client, server, isAead)).toThrow(
          expect.objectContaining({ code: "no-common-algorithm" }),
        );
      } else {
        agreed++;
        expect(negotiate(client, server, isAead)).toEqual(expected);
      }
    }),
    { numRuns: 3000 },
  );
  expect(agreed).toBeGreaterThan(300);
});
