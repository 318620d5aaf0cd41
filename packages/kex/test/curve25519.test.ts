import { readFileSync } from "node:fs";
import { SSH_MSG_KEX_ECDH_INIT, SSH_MSG_KEX_ECDH_REPLY } from "@nacre/wire";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { curve25519Sha256, curve25519Sha256Libssh, type KexMethod, type KexSecret } from "../src/index.ts";

interface Agreement {
  readonly name: string;
  readonly clientSecret: string;
  readonly clientPublic: string;
  readonly serverSecret: string;
  readonly serverPublic: string;
  readonly shared: string;
}

const { x25519 } = JSON.parse(readFileSync(new URL("../../../test-vectors/kex.json", import.meta.url), "utf8")) as {
  readonly x25519: readonly Agreement[];
};

const METHODS = [curve25519Sha256, curve25519Sha256Libssh];
const HOST_KEY = Uint8Array.of(1, 2, 3);
const SIGNATURE = Uint8Array.of(4, 5, 6, 7);

/**
 * What X25519 maps to 0 whatever the secret (RFC 7748 §6.1): the points of order 1, 2, 4 and 8, as they are written below p and
 * where there is a second form above it; the highest bit is ignored.
 */
const SMALL_ORDER = [
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
  return [hex, Buffer.from(high).toString("hex")];
});

describe.each(METHODS)("$name", (method) => {
  it.each(x25519)("$name", (vector) => {
    const client = method.client(() => fromHex(vector.clientSecret));
    const server = method.server(() => fromHex(vector.serverSecret));
    const init = client.start();
    expect(init).toEqual(SSH_MSG_KEX_ECDH_INIT.encode({ clientPublicKey: fromHex(vector.clientPublic) }));
    const answer = server.receive(init);
    if (answer.type !== "done") throw new Error("the server wants more");
    const reply = answer.reply(HOST_KEY, SIGNATURE);
    expect(SSH_MSG_KEX_ECDH_REPLY.decode(reply)).toEqual({
      hostKey: HOST_KEY,
      serverPublicKey: fromHex(vector.serverPublic),
      signature: SIGNATURE,
    });
    const end = client.receive(reply);
    if (end.type !== "done") throw new Error("the client wants more");
    expect(end.hostKey).toEqual(HOST_KEY);
    expect(end.signature).toEqual(SIGNATURE);
    expect(answer.secret).toEqual(end.secret);
    expect(hex(end.secret.exchange)).toBe(`00000020${vector.clientPublic}00000020${vector.serverPublic}`);
    expect(hex(end.secret.sharedSecret)).toBe(mpint(vector.shared));
  });

  it("agrees with itself on any secrets", () => {
    const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(secret, secret, (a, b) => {
        const { clientSecret, serverSecret } = exchange(method, a, b);
        expect(clientSecret).toEqual(serverSecret);
      }),
      { numRuns: 10 },
    );
  });

  it("refuses points of small order on both sides, so that nobody knows the secret beforehand", () => {
    for (const point of SMALL_ORDER) {
      const client = method.client(secretSource);
      client.start();
      const reply = SSH_MSG_KEX_ECDH_REPLY.encode({
        hostKey: HOST_KEY,
        serverPublicKey: fromHex(point),
        signature: SIGNATURE,
      });
      expect(codeOf(() => client.receive(reply))).toBe("kex-failed");
      const init = SSH_MSG_KEX_ECDH_INIT.encode({ clientPublicKey: fromHex(point) });
      expect(codeOf(() => method.server(secretSource).receive(init))).toBe("kex-failed");
    }
  });

  it("takes public values of exactly 32 bytes", () => {
    for (const length of [0, 1, 31, 33, 64, 1000]) {
      const point = new Uint8Array(length).fill(9);
      const init = SSH_MSG_KEX_ECDH_INIT.encode({ clientPublicKey: point });
      const refusal = expect.objectContaining({
        code: "kex-failed",
        message: expect.stringContaining(`${length} bytes instead of 32`),
      });
      expect(() => method.server(secretSource).receive(init)).toThrow(refusal);
      const reply = SSH_MSG_KEX_ECDH_REPLY.encode({ hostKey: HOST_KEY, serverPublicKey: point, signature: SIGNATURE });
      expect(() => method.client(secretSource).receive(reply)).toThrow(refusal);
    }
  });

  it("refuses messages that are cut, too long, or others", () => {
    const init = method.client(secretSource).start();
    const answer = method.server(secretSource).receive(init);
    if (answer.type !== "done") throw new Error("the server wants more");
    const reply = answer.reply(HOST_KEY, SIGNATURE);
    for (let length = 0; length < init.length; length++)
      expect(codeOf(() => method.server(secretSource).receive(init.slice(0, length)))).toBe("malformed-message");
    for (let length = 0; length < reply.length; length++)
      expect(codeOf(() => method.client(secretSource).receive(reply.slice(0, length)))).toBe("malformed-message");
    expect(codeOf(() => method.server(secretSource).receive(Uint8Array.of(...init, 0)))).toBe("malformed-message");
    expect(codeOf(() => method.client(secretSource).receive(Uint8Array.of(...reply, 0)))).toBe("malformed-message");
    expect(codeOf(() => method.server(secretSource).receive(reply))).toBe("malformed-message");
    expect(codeOf(() => method.client(secretSource).receive(init))).toBe("malformed-message");
  });

  it("takes a fresh secret for each exchange", () => {
    let calls = 0;
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(++calls);
    const starts = [1, 2, 3].map(() => hex(method.client(random).start()));
    expect(new Set(starts).size).toBe(3);
  });
});

describe("both names", () => {
  it("are one method", () => {
    expect(METHODS.map((method) => method.name)).toEqual(["curve25519-sha256", "curve25519-sha256@libssh.org"]);
    expect(METHODS.map((method) => method.context)).toEqual(["ecdh", "ecdh"]);
    const secret = new Uint8Array(32).fill(7);
    expect(exchange(curve25519Sha256, secret, secret)).toEqual(exchange(curve25519Sha256Libssh, secret, secret));
    for (const method of METHODS)
      expect(hex(method.hash(new Uint8Array(0)))).toBe(
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      );
  });
});

/** What both sides come to. */
function exchange(
  method: KexMethod,
  a: Uint8Array,
  b: Uint8Array,
): { readonly clientSecret: KexSecret; readonly serverSecret: KexSecret } {
  const client = method.client(() => a.slice());
  const answer = method.server(() => b.slice()).receive(client.start());
  if (answer.type !== "done") throw new Error("the server wants more");
  const end = client.receive(answer.reply(HOST_KEY, SIGNATURE));
  if (end.type !== "done") throw new Error("the client wants more");
  return { clientSecret: end.secret, serverSecret: answer.secret };
}

/** RFC 4251 §5, by way of the number. */
function mpint(magnitude: string): string {
  let digits = BigInt(`0x${magnitude}`).toString(16);
  if (digits.length % 2 === 1) digits = `0${digits}`;
  if (/^[89a-f]/.test(digits)) digits = `00${digits}`;
  return (digits.length / 2).toString(16).padStart(8, "0") + digits;
}

function secretSource(length: number): Uint8Array {
  return new Uint8Array(length).fill(0x42);
}

function codeOf(action: () => unknown): string {
  try {
    action();
    return "none";
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
}

function fromHex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, "hex"));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
