import { chacha20Poly1305 as noble } from "@nacre/ciphers";
import type { DirectionKeys, PacketOpener, PacketSealer } from "@nacre/packet";
import { fromHex, latin1 } from "@nacre/testing/bytes";
import { bytesOf, codeOf, keysFor } from "@nacre/testing/ciphers/packets";
import { concatBytes, equalBytes, toHex, utf8Encode } from "@nacre/wire";
import { chacha20orig } from "@noble/ciphers/chacha.js";
import { describe, expect, it, vi } from "vitest";
import { chacha20Poly1305OnWasm } from "../src/index.ts";
import { BODY_AT, CAPACITY, KEYS_AT, PACKET_AT, PAGE, TAG_AT } from "../src/memory.ts";
import { compile, instantiate, type Program, wasmChaCha20Poly1305 as wasm } from "./support.ts";

const TAG = 16;
const SEQUENCE_NUMBERS = [0, 1, 0x0102_0304, 2 ** 31, 2 ** 32 - 1];
const keys = keysFor({ name: "", cipher: noble, mac: undefined });

/** Returns keys that start with the hexadecimal `mainKey`, followed by zeros. */
function keysOf(mainKey: string): DirectionKeys {
  return { key: fromHex(mainKey.padEnd(128, "0")), iv: new Uint8Array(0), macKey: new Uint8Array(0) };
}

/** Returns a plaintext packet with room for its tag. */
function packetOf(length: number): Uint8Array<ArrayBuffer> {
  const slab = new Uint8Array(length + TAG);
  slab.set(bytesOf(`packet ${length}`, length));
  new DataView(slab.buffer).setUint32(0, length - 4);
  return slab;
}

function sealed(sealer: PacketSealer, sequenceNumber: number, clear: Uint8Array): Uint8Array<ArrayBuffer> {
  const slab = clear.slice();
  sealer.seal(sequenceNumber, slab, 0, slab.length - TAG);
  return slab;
}

function opened(opener: PacketOpener, sequenceNumber: number, slab: Uint8Array<ArrayBuffer>): Uint8Array {
  const length = slab.length - TAG;
  expect(opener.readLength(sequenceNumber, slab, 0)).toBe(length - 4);
  return opener.open(sequenceNumber, slab, 0, length);
}

/** Creates a cipher with a separate instance and access to its memory. */
function observed(): { readonly cipher: typeof noble; readonly memory: () => Uint8Array } {
  let program: Program | undefined;
  const cipher = chacha20Poly1305OnWasm({
    compile,
    instantiate: (module) => (program = instantiate(module)),
    otherwise: () => noble,
  });
  return { cipher, memory: () => new Uint8Array(program!.memory.buffer) };
}

describe("the test vectors of RFC 8439 with a 96-bit nonce that starts with zeros", () => {
  // The body is encrypted from block 1 on, the length field with block 0.
  it.each([
    [
      "§A.1 #2: key 0, block 1",
      "",
      0,
      "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
    ],
    [
      "§A.1 #3: key 1, block 1",
      `${"00".repeat(31)}01`,
      0,
      "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0",
    ],
    [
      "§A.1 #4: key ff, block 2",
      "00ff",
      64,
      "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096",
    ],
  ])("%s", (_, key, skipped, stream) => {
    const body = new Uint8Array(4 + 256 + TAG);
    wasm.createSealer(keysOf(key), undefined).seal(0, body, 0, 4 + 256);
    expect(toHex(body.subarray(4 + skipped, 4 + skipped + 64))).toBe(stream);
  });

  it.each([
    ["§A.1 #1: nonce 0", 0, 0x76b8_e0ad],
    ["§A.1 #5: nonce 2", 2, 0xc2c6_4d37],
  ])("%s, block 0", (_, sequenceNumber, mask) => {
    const opener = wasm.createOpener(keysOf("01"), undefined);
    expect(opener.readLength(sequenceNumber, new Uint8Array(4), 0)).toBe(mask);
  });

  it("§A.2 #2: a text of several blocks", () => {
    const text =
      "Any submission to the IETF intended by the Contributor for publication as all or part of an IETF Internet-Draft or RFC and any " +
      'statement made within the context of an IETF activity is considered an "IETF Contribution". Such statements include oral ' +
      "statements in IETF sessions, as well as written and electronic communications made at any time or place, which are addressed to";
    const slab = new Uint8Array(4 + text.length + TAG);
    slab.set(utf8Encode(text), 4);
    wasm.createSealer(keysOf(`${"00".repeat(31)}01`), undefined).seal(2, slab, 0, 4 + text.length);
    expect(toHex(slab.subarray(4, 4 + text.length))).toBe(
      "a3fbf07df3fa2fde4f376ca23e82737041605d9f4f4f57bd8cff2c1d4b7955ec2a97948bd3722915c8f3d337f7d370050e9e96d647b7c39f56e031ca5eb6250d" +
        "4042e02785ececfa4b4bb5e8ead0440e20b6e8db09d881a7c6132f420e52795042bdfa7773d8a9051447b3291ce1411c680465552aa6c405b7764d5e87bea85a" +
        "d00f8449ed8f72d0d662ab052691ca66424bc86d2df80ea41f43abf937d3259dc4b2d0dfb48a6c9139ddd7f76966e928e635553ba76c5c879d7b35d49eb2e62b" +
        "0871cdac638939e25e8a1e0ef9d5280fa8ca328b351c3c765989cbcf3daa8b6ccc3aaf9f3979c92b3720fc88dc95ed84a1be059c6499b9fda236e7e818b04b0b" +
        "c39c1e876b193bfe5569753f88128cc08aaa9b63d1a16f80ef2554d7189c411f5869ca52c5b83fa36ff216b9c1d30062bebcfd2dc5bce0911934fda79a86f6e6" +
        "98ced759c3ff9b6477338f3da4f9cd8514ea9982ccafb341b2384dd902f3d1ab7ac61dd29c6f21ba5b862f3730e37cfdc4fd806c22f221",
    );
  });
});

describe("chacha20-poly1305 in WebAssembly and in noble", () => {
  const sealer = wasm.createSealer(keys, undefined);
  const opener = wasm.createOpener(keys, undefined);
  const twin = noble.createSealer(keys, undefined);

  it.each(SEQUENCE_NUMBERS)("produce the same packets of all lengths up to 1100, with sequence number %i", (number) => {
    for (let length = 5; length <= 1100; length++) {
      const clear = packetOf(length);
      const expected = sealed(twin, number, clear);
      if (!equalBytes(sealed(sealer, number, clear), expected)) expect.fail(`sealing ${length}`);
      if (!equalBytes(opened(opener, number, expected), clear.subarray(4, -TAG))) expect.fail(`opening ${length}`);
    }
  });

  it.each([32_768, 35_000, 65_535, 262_144])("produce the same packet of %i bytes", (length) => {
    const clear = packetOf(length);
    const expected = sealed(twin, 7, clear);
    expect(equalBytes(sealed(sealer, 7, clear), expected)).toBe(true);
    expect(equalBytes(opened(opener, 7, expected), clear.subarray(4, -TAG))).toBe(true);
  });

  it("produce the same packets up to the end of memory and beyond", () => {
    const { cipher, memory } = observed();
    const own = cipher.createSealer(keys, undefined);
    const ownOpener = cipher.createOpener(keys, undefined);
    const far = CAPACITY + 3 * PAGE;
    for (const length of [CAPACITY - 1, CAPACITY, CAPACITY + 1, far, 20, far + 1]) {
      const clear = packetOf(length);
      const expected = sealed(twin, 7, clear);
      expect(equalBytes(sealed(own, 7, clear), expected)).toBe(true);
      expect(equalBytes(opened(ownOpener, 7, expected), clear.subarray(4, -TAG))).toBe(true);
    }
    expect(memory().length).toBe((5 + 4) * PAGE);
  });

  it("do not change the bytes around a packet", () => {
    const slab = new Uint8Array(100).fill(7);
    sealer.seal(7, slab, 10, 60);
    expect(slab.subarray(0, 10)).toEqual(new Uint8Array(10).fill(7));
    expect(slab.subarray(86)).toEqual(new Uint8Array(14).fill(7));
  });
});

describe("the ChaCha20 of a platform", () => {
  // The IV is a 64-bit little-endian block counter followed by the nonce.
  const chacha20 = vi.fn((key: Uint8Array, iv: Uint8Array, bytes: Uint8Array) =>
    chacha20orig(key, iv.slice(8), bytes, undefined, iv[0]),
  );
  const cipher = chacha20Poly1305OnWasm({ compile, instantiate, otherwise: () => noble, chacha20 });
  const sealer = cipher.createSealer(keys, undefined);
  const opener = cipher.createOpener(keys, undefined);

  it.each([4_090, 4_095, 4_096, 4_097, 33_000, 262_144, CAPACITY + 1])(
    "produces the same packet of %i bytes",
    (length) => {
      for (const number of SEQUENCE_NUMBERS) {
        const clear = packetOf(length);
        const expected = sealed(noble.createSealer(keys, undefined), number, clear);
        expect(equalBytes(sealed(sealer, number, clear), expected)).toBe(true);
        const slab = clear.slice();
        const apart = sealer.sealApart!(number, slab, 0, length);
        const whole = concatBytes(slab.subarray(0, 4), apart, slab.subarray(length));
        expect(equalBytes(whole, expected)).toBe(true);
        chacha20.mockClear();
        expect(equalBytes(opened(opener, number, expected), clear.subarray(4, -TAG))).toBe(true);
        expect(chacha20).toHaveBeenCalledTimes(length < 4_096 ? 0 : 1);
      }
    },
  );

  it("is not called for a forged packet", () => {
    const length = 5_000;
    const packet = sealed(sealer, 7, packetOf(length));
    chacha20.mockClear();
    for (let at = 0; at < packet.length; at += at < 4 || at > 4_970 ? 1 : 97) {
      packet[at]! ^= 0x10;
      expect(codeOf(() => opener.open(7, packet, 0, length))).toBe("mac-mismatch");
      packet[at]! ^= 0x10;
    }
    expect(codeOf(() => opener.open(8, packet, 0, length))).toBe("mac-mismatch");
    expect(chacha20).not.toHaveBeenCalled();
    expect(equalBytes(opened(opener, 7, packet), packetOf(length).subarray(4, -TAG))).toBe(true);
  });
});

describe("chacha20-poly1305 in WebAssembly", () => {
  it.each([5, 64, 132, 133, 600])("rejects %i bytes with any bit changed, and decrypts nothing", (length) => {
    const { cipher, memory } = observed();
    const packet = sealed(cipher.createSealer(keys, undefined), 7, packetOf(length));
    const opener = cipher.createOpener(keys, undefined);
    for (let bit = 0; bit < 8 * packet.length; bit += length > 100 ? 5 : 1) {
      const changed = packet.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const given = changed.slice();
      expect(codeOf(() => opener.open(7, given, 0, length))).toBe("mac-mismatch");
      // Neither the caller's array nor the program's memory contains plaintext.
      expect(equalBytes(given, changed)).toBe(true);
      const there = memory().subarray(PACKET_AT, PACKET_AT + length);
      expect(equalBytes(there, changed.subarray(0, length))).toBe(true);
    }
    expect(opened(opener, 7, packet)).toEqual(packetOf(length).slice(4, -TAG));
  });

  it("rejects a packet with another sequence number or other keys", () => {
    const packet = sealed(wasm.createSealer(keys, undefined), 7, packetOf(64));
    for (const number of [6, 8, 7 + 2 ** 31])
      expect(codeOf(() => wasm.createOpener(keys, undefined).open(number, packet, 0, 64))).toBe("mac-mismatch");
    const others = { ...keys, key: keys.key.toReversed() };
    expect(codeOf(() => wasm.createOpener(others, undefined).open(7, packet, 0, 64))).toBe("mac-mismatch");
  });

  it("returns payloads that do not share the program's memory", () => {
    const { cipher, memory } = observed();
    const sealer = cipher.createSealer(keys, undefined);
    const opener = cipher.createOpener(keys, undefined);
    const first = opened(opener, 7, sealed(sealer, 7, packetOf(64)));
    opened(opener, 7, sealed(sealer, 7, packetOf(300)));
    expect(first).toEqual(packetOf(64).slice(4, -TAG));
    expect(first.buffer).not.toBe(memory().buffer);
    expect(first.buffer.byteLength).toBe(60);
  });

  it("serves connections alternately from one instance", () => {
    const start = vi.fn(instantiate);
    const cipher = chacha20Poly1305OnWasm({ compile, instantiate: start, otherwise: () => noble });
    expect(start).not.toHaveBeenCalled();
    const all = [keys, { ...keys, key: keys.key.toReversed() }];
    const [a, b] = all.map((one) => ({
      sealer: cipher.createSealer(one, undefined),
      opener: cipher.createOpener(one, undefined),
    }));
    const [ofA, ofB] = [sealed(a!.sealer, 1, packetOf(400)), sealed(b!.sealer, 2, packetOf(80))];
    // Packets of another connection are processed between reading a packet's length and opening it.
    expect(a!.opener.readLength(1, ofA, 0)).toBe(396);
    expect(opened(b!.opener, 2, ofB)).toEqual(packetOf(80).slice(4, -TAG));
    expect(sealed(b!.sealer, 3, packetOf(90))).toEqual(sealed(noble.createSealer(all[1]!, undefined), 3, packetOf(90)));
    expect(a!.opener.open(1, ofA, 0, 400)).toEqual(packetOf(400).slice(4, -TAG));
    expect(start).toHaveBeenCalledTimes(1);
  });

  it("leaves no key and no key stream in memory", () => {
    const { cipher, memory } = observed();
    const packet = sealed(cipher.createSealer(keys, undefined), 7, packetOf(600));
    const opener = cipher.createOpener(keys, undefined);
    const expectNoKeys = (): void => {
      expect(memory().subarray(KEYS_AT, TAG_AT)).toEqual(new Uint8Array(TAG_AT - KEYS_AT));
      const all = latin1(memory());
      for (let at = 0; at < 64; at += 4) expect(all.includes(latin1(keys.key.subarray(at, at + 4)))).toBe(false);
    };
    expectNoKeys();
    opener.readLength(7, packet, 0);
    expectNoKeys();
    opener.open(7, packet, 0, 600);
    expectNoKeys();
    packet[100]! ^= 1;
    expect(codeOf(() => opener.open(7, packet, 0, 600))).toBe("mac-mismatch");
    expectNoKeys();
    expect(memory()[BODY_AT]).toBe(packet[4]);
  });

  it("uses the fallback cipher if the platform rejects the program", () => {
    const cipher = chacha20Poly1305OnWasm({
      instantiate,
      compile: () => {
        throw new Error("Wasm code generation disallowed by embedder");
      },
      otherwise: () => noble,
    });
    expect(sealed(cipher.createSealer(keys, undefined), 7, packetOf(64))).toEqual(
      sealed(noble.createSealer(keys, undefined), 7, packetOf(64)),
    );
    const packet = sealed(cipher.createSealer(keys, undefined), 8, packetOf(64));
    expect(opened(cipher.createOpener(keys, undefined), 8, packet)).toEqual(packetOf(64).slice(4, -TAG));
  });
});

const withFullStack = (): never => {
  throw new RangeError("Maximum call stack size exceeded");
};

describe("a packet that the program did not finish, for example after a stack overflow", () => {
  it("does not affect later packets of any connection", () => {
    const { cipher, memory } = observed();
    const sealer = cipher.createSealer(keys, undefined);
    const opener = cipher.createOpener(keys, undefined);
    const clear = packetOf(300);
    const expected = sealed(noble.createSealer(keys, undefined), 7, clear);
    sealed(sealer, 1, clear);
    // Leftover data in place of keys, state, key stream and tag.
    memory().fill(0xa5, KEYS_AT, PACKET_AT);
    expect(sealed(sealer, 7, clear)).toEqual(expected);
    memory().fill(0xa5, KEYS_AT, PACKET_AT);
    expect(opener.readLength(7, expected, 0)).toBe(296);
    memory().fill(0xa5, KEYS_AT, PACKET_AT);
    expect(opener.open(7, expected, 0, 300)).toEqual(clear.subarray(4, 300));
  });

  it.each(["seal", "open", "lengthMask"] as const)("leaves no key in memory: %s", (name) => {
    let memory = new Uint8Array(0);
    const cipher = chacha20Poly1305OnWasm({
      compile,
      instantiate: (module) => {
        const program = instantiate(module);
        memory = new Uint8Array(program.memory.buffer);
        return { ...program, [name]: withFullStack };
      },
      otherwise: () => noble,
    });
    const clear = packetOf(60);
    const attempt = {
      seal: () => cipher.createSealer(keys, undefined).seal(1, clear, 0, 60),
      open: () => cipher.createOpener(keys, undefined).open(1, clear, 0, 60),
      lengthMask: () => cipher.createOpener(keys, undefined).readLength(1, clear, 0),
    }[name];
    expect(attempt).toThrow(RangeError);
    expect(memory.subarray(KEYS_AT, TAG_AT).every((byte) => byte === 0)).toBe(true);
  });
});
