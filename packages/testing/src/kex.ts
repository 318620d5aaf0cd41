import type { KexClientStep, KexMethod, KexSecret, KexServerStep } from "@nacre/kex";
import {
  type RandomSource,
  SSH_MSG_KEX_ECDH_INIT,
  SSH_MSG_KEX_ECDH_REPLY,
  type SshErrorCode,
  toHex,
} from "@nacre/wire";
import { expect } from "vitest";
import vectors from "../../../test-vectors/kex.json" with { type: "json" };
import { fromHex } from "./bytes.ts";
import { expectError as expectCode } from "./errors.ts";

export { fromHex, toHex as hex };

export const HOST_KEY: Uint8Array = Uint8Array.of(1, 2, 3);
export const SIGNATURE: Uint8Array = Uint8Array.of(4, 5, 6, 7);

/**
 * Public values that X25519 maps to 0 for every secret (RFC 7748 §6.1): the points of order 1, 2, 4 and 8. Includes encodings of p or more,
 * and each encoding with the highest bit set, which X25519 ignores.
 */
export const SMALL_ORDER: readonly string[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].flatMap((hex) => {
  const high = fromHex(hex);
  high[31] = (high[31] ?? 0) | 0x80;
  return [hex, toHex(high)];
});

/** Key exchange computed by another implementation. All values are hexadecimal. */
interface Agreement {
  readonly name: string;
  readonly clientSecret: string;
  readonly clientPublic: string;
  readonly serverSecret: string;
  readonly serverPublic: string;
  readonly shared: string;
}

interface KexVectors {
  readonly x25519: readonly Agreement[];
  readonly ecdh: readonly (Agreement & { readonly curve: string })[];
  readonly modp: readonly {
    readonly group: number;
    readonly prime: string;
    readonly agreements: readonly Agreement[];
  }[];
  readonly mlkem768x25519: {
    /** Seed d ‖ z of ML-KEM key generation. */
    readonly seed: string;
    /** Message m of ML-KEM encapsulation. */
    readonly message: string;
    readonly exchanges: readonly {
      readonly name: string;
      readonly clientSecret: string;
      readonly serverSecret: string;
      readonly clientValue: string;
      readonly serverValue: string;
      readonly postQuantum: string;
      readonly classical: string;
      readonly shared: string;
    }[];
    readonly wrongCiphertexts: readonly {
      readonly name: string;
      readonly ciphertext: string;
      readonly postQuantum: string;
    }[];
  };
}

export function readVectors(): KexVectors {
  return vectors;
}

/** Returns a random source that yields these pieces in order, and asserts their lengths. */
export function given(...pieces: readonly Uint8Array[]): RandomSource {
  const left = [...pieces];
  return (length) => {
    const piece = left.shift();
    expect(piece?.length).toBe(length);
    return piece!.slice();
  };
}

/** Returns a deterministic source that yields different bytes on each call. */
export function seeded(seed = 1): RandomSource {
  let state = seed;
  const next = (): number => (state = (state * 1103 + 12345) % 65521) & 0xff;
  return (length) => Uint8Array.from({ length }, next);
}

/** Runs a key exchange between both sides. Returns both messages and both secrets. */
export function exchange(method: KexMethod, clientRandom: RandomSource, serverRandom: RandomSource): Exchange {
  const client = method.client(clientRandom);
  const init = client.start();
  const answer = done(method.server(serverRandom).receive(init));
  const reply = answer.reply(HOST_KEY, SIGNATURE);
  const end = done(client.receive(reply));
  expect(end.hostKey).toEqual(HOST_KEY);
  expect(end.signature).toEqual(SIGNATURE);
  return { init, reply, clientSecret: end.secret, serverSecret: answer.secret };
}

interface Exchange {
  readonly init: Uint8Array;
  readonly reply: Uint8Array;
  readonly clientSecret: KexSecret;
  readonly serverSecret: KexSecret;
}

/** Returns the step as the last one. Throws if more messages follow. */
export function done<T extends KexClientStep | KexServerStep>(step: T): Extract<T, { readonly type: "done" }> {
  if (step.type !== "done") throw new Error("expected the last step of the key exchange");
  return step as Extract<T, { readonly type: "done" }>;
}

/** Asserts the encoded public values and the encoded secret of an exchange. */
export function expectExchange(both: Exchange, client: string, server: string, sharedSecret: string): void {
  expect(toHex(both.init)).toBe(`1e${client}`);
  expect(toHex(both.reply)).toBe(`1f${string(toHex(HOST_KEY))}${server}${string(toHex(SIGNATURE))}`);
  expect(both.clientSecret).toEqual(both.serverSecret);
  expect(toHex(both.clientSecret.exchange)).toBe(client + server);
  expect(toHex(both.clientSecret.sharedSecret)).toBe(sharedSecret);
}

/** Encodes SSH_MSG_KEX_ECDH_INIT with this public value. */
export function initOf(value: Uint8Array): Uint8Array {
  return SSH_MSG_KEX_ECDH_INIT.encode({ clientPublicKey: value });
}

/** Encodes SSH_MSG_KEX_ECDH_REPLY with this public value. */
export function replyOf(value: Uint8Array): Uint8Array {
  return SSH_MSG_KEX_ECDH_REPLY.encode({ hostKey: HOST_KEY, serverPublicKey: value, signature: SIGNATURE });
}

/** Asserts that client and server both reject this public value with `kex-failed`. */
export function expectRefused(method: KexMethod, value: Uint8Array, message: string): void {
  expectError(() => method.client(seeded()).receive(replyOf(value)), "kex-failed", message);
  expectError(() => method.server(seeded()).receive(initOf(value)), "kex-failed", message);
}

/** Asserts that `run` throws an `SshError` with this code and a matching message. */
export function expectError(run: () => unknown, code: SshErrorCode, message: string | RegExp = ""): void {
  expect(expectCode(code, run)).toMatch(message);
}

/** Encodes a hexadecimal number as an `mpint` (RFC 4251 §5), in hexadecimal. */
export function mpint(magnitude: string): string {
  let digits = BigInt(`0x${magnitude}`).toString(16);
  if (digits.length % 2 === 1) digits = `0${digits}`;
  if (/^[89a-f]/.test(digits)) digits = `00${digits}`;
  return string(digits);
}

/** Encodes hexadecimal bytes as a `string`, in hexadecimal. */
export function string(digits: string): string {
  return (digits.length / 2).toString(16).padStart(8, "0") + digits;
}
