import type { KexMethod } from "@nacre/kex/internal";
import type { CipherAlgorithm, MacAlgorithm } from "@nacre/packet";
import { equalBytes, readUint32 } from "@nacre/wire";
import { type Loadable, loadPortable, named, portable } from "./portable.ts";
import { probe } from "./probe.ts";

// Algorithms on node:crypto with a portable fallback, since BoringSSL and some distributions' libraries lack some of them. The choice is
// made during key setup, so it costs nothing per packet.

/** Returns the cipher on node:crypto if that can seal and open a packet, otherwise the portable cipher of the same name. */
export function cipherOrPortable(native: CipherAlgorithm): CipherAlgorithm & Loadable {
  const works = probe(() => sealsAndOpens(native));
  const chosen = (): CipherAlgorithm =>
    works() ? native : (named(portable("ciphers"), native.name) as CipherAlgorithm);
  return {
    ...native,
    createSealer: (keys, mac) => chosen().createSealer(keys, mac),
    createOpener: (keys, mac) => chosen().createOpener(keys, mac),
    load: async () => {
      if (!works()) await loadPortable("ciphers");
    },
  };
}

/** Returns the MAC on node:crypto if that can compute it, otherwise the portable MAC of the same name. */
export function macOrPortable(native: MacAlgorithm): MacAlgorithm & Loadable {
  const works = probe(() => {
    native
      .create(new Uint8Array(native.keyLength))
      .compute(0, PACKET, 0, PACKET.length, new Uint8Array(native.tagLength), 0);
    return true;
  });
  const chosen = (): MacAlgorithm => (works() ? native : (named(portable("ciphers"), native.name) as MacAlgorithm));
  return {
    ...native,
    create: (key) => chosen().create(key),
    load: async () => {
      if (!works()) await loadPortable("ciphers");
    },
  };
}

/**
 * Returns the method on node:crypto if `works` returns true, otherwise the portable method of the same name. `load` imports further
 * dependencies.
 */
export function kexOrPortable(
  native: KexMethod,
  works: () => boolean,
  load: () => Promise<void> = async () => {},
): KexMethod & Loadable {
  const chosen = (): KexMethod => (works() ? native : (named(portable("kex"), native.name) as KexMethod));
  return {
    ...native,
    client: (random) => chosen().client(random),
    server: (random) => chosen().server(random),
    load: () => (works() ? load() : loadPortable("kex")),
  };
}

const PACKET: Uint8Array = Uint8Array.from({ length: 36 }, (_, i) => i);

function sealsAndOpens(cipher: CipherAlgorithm): boolean {
  return (cipher.aead ? [undefined] : [noMac(true), noMac(false)]).every((mac) => {
    // Encrypted bytes must be whole blocks, including the length field unless it is sent in plaintext.
    const length = mac?.etm === false ? 32 : 36;
    const keys = {
      key: new Uint8Array(cipher.keyLength),
      iv: new Uint8Array(cipher.ivLength),
      macKey: new Uint8Array(0),
    };
    const slab = new Uint8Array(64);
    slab.set(PACKET);
    cipher.createSealer(keys, mac).seal(0, slab, 0, length);
    const opener = cipher.createOpener(keys, mac);
    const isLengthRight = opener.readLength(0, slab, 0) === readUint32(PACKET, 0);
    return isLengthRight && equalBytes(opener.open(0, slab, 0, length), PACKET.subarray(4, length));
  });
}

/** Placeholder MAC for testing a cipher that needs one. */
function noMac(etm: boolean): MacAlgorithm {
  return { name: "none", keyLength: 0, tagLength: 0, etm, create: () => ({ compute() {} }) };
}
