import { SSH_MSG_KEX_ECDH_REPLY } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { curve25519Sha256, curve25519Sha256Libssh } from "../src/index.ts";
import {
  exchange,
  expectError,
  fromHex,
  given,
  HOST_KEY,
  hex,
  initOf,
  mpint,
  readVectors,
  replyOf,
  SIGNATURE,
  SMALL_ORDER,
  seeded,
  string,
} from "./support.ts";

interface Agreement {
  readonly name: string;
  readonly clientSecret: string;
  readonly clientPublic: string;
  readonly serverSecret: string;
  readonly serverPublic: string;
  readonly shared: string;
}

const { x25519 } = readVectors() as { readonly x25519: readonly Agreement[] };

describe.each([curve25519Sha256, curve25519Sha256Libssh])("$name", (method) => {
  it.each(x25519)("$name", (vector) => {
    const { init, reply, clientSecret, serverSecret } = exchange(
      method,
      given(fromHex(vector.clientSecret)),
      given(fromHex(vector.serverSecret)),
    );
    expect(hex(init)).toBe(`1e${string(vector.clientPublic)}`);
    expect(SSH_MSG_KEX_ECDH_REPLY.decode(reply)).toEqual({
      hostKey: HOST_KEY,
      serverPublicKey: fromHex(vector.serverPublic),
      signature: SIGNATURE,
    });
    expect(clientSecret).toEqual(serverSecret);
    expect(hex(clientSecret.exchange)).toBe(string(vector.clientPublic) + string(vector.serverPublic));
    expect(hex(clientSecret.sharedSecret)).toBe(mpint(vector.shared));
  });

  it("refuses points of small order on both sides, so that nobody knows the secret beforehand", () => {
    for (const point of SMALL_ORDER.map(fromHex)) {
      expectError(() => method.client(seeded()).receive(replyOf(point)), "kex-failed", "small order");
      expectError(() => method.server(seeded()).receive(initOf(point)), "kex-failed", "small order");
    }
  });

  it("takes public values of exactly 32 bytes", () => {
    for (const length of [0, 1, 31, 33, 64, 1000]) {
      const point = new Uint8Array(length).fill(9);
      const problem = `${length} bytes instead of 32`;
      expectError(() => method.server(seeded()).receive(initOf(point)), "kex-failed", problem);
      expectError(() => method.client(seeded()).receive(replyOf(point)), "kex-failed", problem);
    }
  });
});

it("is one method under both names", () => {
  const [one, other] = [curve25519Sha256, curve25519Sha256Libssh].map((method) =>
    exchange(method, seeded(1), seeded(2)),
  );
  expect(one).toEqual(other);
});
