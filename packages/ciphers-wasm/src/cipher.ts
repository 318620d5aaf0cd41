import { CHACHA20_POLY1305, checkKeys, checkTag, mismatch, PACKET_SHAPE } from "@nacre/ciphers/internal";
import type { CipherAlgorithm, PacketOpener, PacketSealer } from "@nacre/packet";
import { type Bytes, copyBytes, readUint32 } from "@nacre/wire";
import { BODY_AT, CAPACITY, KEYS_AT, PACKET_AT, PAGE, TAG_AT, TAG_LENGTH } from "./memory.ts";

/** Platform functions for the cipher. This package uses no globals. */
export interface WasmPlatform {
  /** Returns the compiled program, a `WebAssembly.Module`. Throws if the platform does not support or allow that. */
  compile(): object;
  /** Instantiates the compiled program, which has no imports, and returns its exports. Throws as `compile` does. */
  instantiate(module: object): unknown;
  /** Returns the cipher to use if one of them throws. */
  otherwise(): CipherAlgorithm;
  /** The platform's ChaCha20 for the bodies of long packets, if it is faster. Read once, when the cipher is first used. */
  readonly chacha20?: ChaCha20 | undefined;
}

/**
 * Encrypts or decrypts `bytes` into a new array. `key`: 32 bytes. `iv`: 16 bytes, consisting of the number of the first block as a
 * little-endian uint64 and the 64-bit nonce.
 */
export type ChaCha20 = (key: Uint8Array, iv: Uint8Array, bytes: Uint8Array) => Bytes;

/** A cipher in WebAssembly with a fallback. */
export interface WasmCipherAlgorithm extends CipherAlgorithm {
  /**
   * Returns the same cipher on a module that is the program, compiled already: the file `chacha20-poly1305.wasm` of this package. With
   * false, the cipher does not use WebAssembly.
   */
  withWasm(module: object | false): CipherAlgorithm;
}

/**
 * Creates chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305) as one WebAssembly program that uses vector instructions.
 * Compiles and instantiates the program when the cipher is first used. All connections share one instance of a module. Between calls, its
 * memory contains the last packet but no keys.
 */
export function chacha20Poly1305On(platform: WasmPlatform): WasmCipherAlgorithm {
  const known = new WeakMap<object, CipherAlgorithm>();
  return {
    ...onProgram(platform, () => platform.compile()),
    withWasm(module) {
      if (module === false) return lazily(() => platform.otherwise());
      const cipher = known.get(module) ?? onProgram(platform, () => module);
      known.set(module, cipher);
      return cipher;
    },
  };
}

/** Creates the cipher with an instance of its own of what `compile` returns. */
function onProgram(platform: WasmPlatform, compile: () => object): CipherAlgorithm {
  let program: CipherSides | undefined;
  return lazily(() => (program ??= programOr(platform, compile)));
}

type CipherSides = Pick<CipherAlgorithm, "createSealer" | "createOpener">;

/** Creates a cipher that calls `choose` for its implementation whenever a sealer or opener is created. */
function lazily(choose: () => CipherSides): CipherAlgorithm {
  const cipher: CipherAlgorithm = {
    ...CHACHA20_POLY1305,
    createSealer(keys, mac) {
      checkKeys(cipher, keys, mac);
      return choose().createSealer(keys, mac);
    },
    createOpener(keys, mac) {
      checkKeys(cipher, keys, mac);
      return choose().createOpener(keys, mac);
    },
  };
  return cipher;
}

function programOr(platform: WasmPlatform, compile: () => object): CipherSides {
  let exports: Exports;
  try {
    exports = platform.instantiate(compile()) as Exports;
  } catch {
    return platform.otherwise();
  }
  const instance = new Instance(exports);
  const { chacha20 } = platform;
  return {
    createSealer: ({ key }) => sealer(instance, copyBytes(key), chacha20),
    createOpener: ({ key }) => opener(instance, copyBytes(key), chacha20),
  };
}

/**
 * Packet length in bytes from which the platform's ChaCha20 encrypts the body. Packet writers call `sealApart` from the same length on. To
 * seal and open a packet of 32 KiB takes 64 µs of CPU time with it, and 94 with the program alone (Node 20.20, shared machine, medians). At
 * 8 KiB they are equal, 24 and 23. A packet of 64 bytes takes 2 µs in the program; node:crypto alone needs 5 to encrypt one.
 */
const LONG = 4 * 1024;

function sealer(instance: Instance, key: Uint8Array, chacha20: ChaCha20 | undefined): PacketSealer {
  const program: PacketSealer = {
    seal: (sequenceNumber, slab, offset, length) => instance.seal(key, sequenceNumber, slab, offset, length),
    ...PACKET_SHAPE,
  };
  if (chacha20 === undefined) return program;
  const mainKey = key.subarray(0, 32);
  return {
    ...program,
    sealApart(sequenceNumber, slab, offset, length) {
      const end = offset + length;
      // The length field is encrypted in place.
      writeUint32(slab, offset, instance.otherLength(key, sequenceNumber, slab, offset));
      const sealed = chacha20(mainKey, ivOf(sequenceNumber), slab.subarray(offset + 4, end));
      slab.set(instance.tag(key, sequenceNumber, slab.subarray(offset, offset + 4), sealed), end);
      return sealed;
    },
  };
}

function opener(instance: Instance, key: Uint8Array, chacha20: ChaCha20 | undefined): PacketOpener {
  const mainKey = key.subarray(0, 32);
  return {
    headerLength: 4,
    readLength: (sequenceNumber, slab, offset) => instance.otherLength(key, sequenceNumber, slab, offset),
    open(sequenceNumber, slab, offset, length) {
      if (chacha20 === undefined || length < LONG) return instance.open(key, sequenceNumber, slab, offset, length);
      const body = slab.subarray(offset + 4, offset + length);
      checkTag(instance.tag(key, sequenceNumber, slab.subarray(offset, offset + 4), body), slab, offset + length);
      return chacha20(mainKey, ivOf(sequenceNumber), body);
    },
    ...PACKET_SHAPE,
  };
}

/** Returns the IV for the body of a packet: block number 1, then the sequence number as a uint64 in network byte order. */
function ivOf(sequenceNumber: number): Uint8Array {
  const iv = new Uint8Array(16);
  iv[0] = 1;
  writeUint32(iv, 12, sequenceNumber);
  return iv;
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

/** Exports of `chacha20Poly1305Program`. */
interface Exports {
  readonly memory: {
    readonly buffer: ArrayBuffer;
    /** Grows the memory by `pages` of 64 KiB. */
    grow(pages: number): number;
  };
  lengthMask(sequenceNumber: number, length: number): number;
  /** The result is unused, as for `tag`. */
  seal(sequenceNumber: number, length: number): number;
  open(sequenceNumber: number, length: number): number;
  tag(sequenceNumber: number, length: number): number;
}

/** An instance of the program. Copies each packet to its memory, seals or opens it there, and copies it back. */
class Instance {
  readonly #exports: Exports;
  #memory: Bytes;
  /** Maximum packet length that fits the memory, in bytes. */
  #capacity = CAPACITY;

  constructor(exports: Exports) {
    this.#exports = exports;
    this.#memory = new Uint8Array(exports.memory.buffer);
  }

  seal(key: Uint8Array, sequenceNumber: number, slab: Uint8Array, offset: number, length: number): void {
    this.#copyIn(key, slab, offset, length);
    this.#run("seal", sequenceNumber, length);
    slab.set(this.#memory.subarray(PACKET_AT, PACKET_AT + length + TAG_LENGTH), offset);
  }

  /** Encrypts or decrypts a length field and returns it. Not in place, because the tag covers the encrypted field. */
  otherLength(key: Uint8Array, sequenceNumber: number, slab: Uint8Array, offset: number): number {
    this.#memory.set(key, KEYS_AT);
    return (readUint32(slab, offset) ^ this.#run("lengthMask", sequenceNumber, 4)) >>> 0;
  }

  open(key: Uint8Array, sequenceNumber: number, slab: Uint8Array, offset: number, length: number): Bytes {
    this.#copyIn(key, slab, offset, length + TAG_LENGTH);
    if (this.#run("open", sequenceNumber, length) !== 0) throw mismatch();
    return this.#memory.slice(PACKET_AT + 4, PACKET_AT + length);
  }

  /** Returns the tag of an encrypted length field and body, as a view that the next call overwrites. */
  tag(key: Uint8Array, sequenceNumber: number, lengthField: Uint8Array, body: Uint8Array): Uint8Array {
    const length = 4 + body.length;
    if (length > this.#capacity) this.#grow(length);
    const memory = this.#memory;
    memory.set(key, KEYS_AT);
    memory.set(lengthField, PACKET_AT);
    memory.set(body, BODY_AT);
    this.#run("tag", sequenceNumber, length);
    return memory.subarray(TAG_AT, TAG_AT + TAG_LENGTH);
  }

  /** Calls the program. On a stack overflow, the program throws without wiping the keys, so this method does. */
  #run(what: "lengthMask" | "seal" | "open" | "tag", sequenceNumber: number, length: number): number {
    try {
      return this.#exports[what](sequenceNumber, length);
    } catch (error) {
      this.#memory.fill(0, KEYS_AT, TAG_AT);
      throw error;
    }
  }

  #copyIn(key: Uint8Array, slab: Uint8Array, offset: number, length: number): void {
    if (length > this.#capacity) this.#grow(length);
    this.#memory.set(key, KEYS_AT);
    this.#memory.set(slab.subarray(offset, offset + length), PACKET_AT);
  }

  #grow(length: number): void {
    const pages = Math.ceil((length - this.#capacity) / PAGE);
    this.#exports.memory.grow(pages);
    this.#capacity += PAGE * pages;
    // `grow` detached the previous buffer.
    this.#memory = new Uint8Array(this.#exports.memory.buffer);
  }
}
