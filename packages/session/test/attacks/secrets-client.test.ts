import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { curve25519Sha256, type KexMethod, mlkem768X25519Sha256 } from "@nacre/kex";
import { type PrivateKey, privateKeyFromFields } from "@nacre/keys";
import {
  bigIntToBytes,
  bytesToBigInt,
  concatBytes,
  SSH_MSG_DISCONNECT,
  SSH_MSG_KEX_ECDH_INIT,
  SSH_MSG_KEX_ECDH_REPLY,
  Writer,
} from "@nacre/wire";
import { expect, test } from "vitest";
import { keyVector } from "../../../keys/test/support.ts";
import { seededRandom } from "../../../transport/test/support/random.ts";
import { ClientTarget } from "./support/client-target.ts";
import * as message from "./support/messages.ts";
import { algorithms } from "./support/session-target.ts";

const GOODBYE = SSH_MSG_DISCONNECT.number;
const random = seededRandom(90);
const keyNamed = (name: string): PrivateKey => privateKeyFromFields(keyVector(name).fields);

/** A client whose server has a host key of that kind and is about to prove it. */
function facing(hostKey: PrivateKey, hostKeyAlgorithm?: string): ClientTarget {
  const target = new ClientTarget({ peer: { hostKey, ...(hostKeyAlgorithm && { hostKeyAlgorithm }) } });
  target.peer.identify().init();
  return target;
}

/** The exchange came to nothing, before anybody was asked about the key, and nothing but the goodbye left. */
function expectRefused(target: ClientTarget, code: "kex-failed" | "bad-signature"): void {
  target.expectClosed(code);
  expect(target.eventsOf("verify-host-key")).toEqual([]);
  expect(target.sent).toEqual([20, 30, GOODBYE]);
}

const little = (value: bigint): Uint8Array => bigIntToBytes(value, 32).toReversed();

test("X25519 · client", () => {
  const p = 2n ** 255n - 19n;
  // Every point of small order, in each form that 32 bytes can have (RFC 7748 §5, §6.1).
  const orderEight = [
    325606250916557431795983626356110631294008115727848805560023387167927233504n,
    39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  ];
  const small = [0n, 1n, p - 1n, p, p + 1n, ...orderEight, ...orderEight.map((value) => value + p)].filter(
    (value) => value < 2n ** 255n,
  );
  const points = small.flatMap((value) => [little(value), little(value + 2n ** 255n)]);
  expect(points.length).toBeGreaterThanOrEqual(14);
  for (const publicKey of points) {
    // The attacker knows the secret, which is 0, and goes on as if nothing were amiss: the exchange is signed and hashed with it.
    const target = facing(keyNamed("ed25519"));
    const client = SSH_MSG_KEX_ECDH_INIT.decode(target.peer.last(30)).clientPublicKey;
    const exchange = new Writer().string(client).string(publicKey).finish();
    const sharedSecret = new Writer().mpintBytes(new Uint8Array(32)).finish();
    target.peer.reply({ publicKey, secret: () => ({ exchange, sharedSecret }) });
    expectRefused(target, "kex-failed");
  }
  for (const length of [0, 1, 31, 33, 64, 1024]) {
    const target = facing(keyNamed("ed25519"));
    target.peer.reply({ publicKey: new Uint8Array(length).fill(9) });
    expectRefused(target, "kex-failed");
    expect(target.error?.message).toContain(`has ${length} bytes`);
  }
});

test("ML-KEM, sntrup · client", () => {
  const kex = mlkem768X25519Sha256;
  const hybrid = (): ClientTarget => {
    const target = new ClientTarget({ client: { algorithms: { ...algorithms, kex: [kex] } }, peer: { kex } });
    target.peer.identify().init();
    return target;
  };
  const honest = hybrid();
  expect(SSH_MSG_KEX_ECDH_INIT.decode(honest.peer.last(30)).clientPublicKey).toHaveLength(1184 + 32);
  const value = SSH_MSG_KEX_ECDH_REPLY.decode(honest.peer.makeReply()).serverPublicKey;
  expect(value).toHaveLength(1088 + 32);
  const whole = hybrid();
  whole.peer.reply().newKeys().send(message.serviceAccept, message.authSuccess);
  whole.expectAlive();

  // Of another length: an error of its own, before anything is decapsulated.
  for (const length of [0, 32, 1088, 1119, 1121, 1184 + 32, 1568 + 32, 30_000]) {
    const target = hybrid();
    target.peer.reply({ publicKey: new Uint8Array(length).fill(9) });
    expectRefused(target, "kex-failed");
    expect(target.error?.message).toContain(`has ${length} bytes`);
  }
  // Of the right length, but changed: the secret is another, and nothing tells it from a server that cannot sign.
  const told = new Set<string>();
  for (const at of [undefined, 0, 500, 1087]) {
    const target = hybrid();
    const reply = SSH_MSG_KEX_ECDH_REPLY.decode(target.peer.makeReply());
    const serverPublicKey = reply.serverPublicKey.slice();
    if (at !== undefined) serverPublicKey[at]! ^= 1;
    else serverPublicKey.fill(0, 0, 1088);
    target.peer.send(SSH_MSG_KEX_ECDH_REPLY.encode({ ...reply, serverPublicKey }));
    expectRefused(target, "bad-signature");
    told.add(target.error!.message);
  }
  const unsigned = hybrid();
  unsigned.peer.reply({ sign: (hash) => keyNamed("ed25519-other").sign("ssh-ed25519", hash, random) });
  expectRefused(unsigned, "bad-signature");
  told.add(unsigned.error!.message);
  expect(told.size).toBe(1);
  // The classical half is held to its own rules.
  const classical = hybrid();
  const reply = SSH_MSG_KEX_ECDH_REPLY.decode(classical.peer.makeReply());
  const serverPublicKey = concatBytes(reply.serverPublicKey.subarray(0, 1088), new Uint8Array(32));
  classical.peer.send(SSH_MSG_KEX_ECDH_REPLY.encode({ ...reply, serverPublicKey }));
  expectRefused(classical, "kex-failed");
});

test("shared secret as mpint · client", () => {
  const shapes: Readonly<Record<string, (secret: Uint8Array) => boolean>> = {
    "high bit": ([first]) => first! >= 0x80,
    "low bit": ([first]) => first! > 0 && first! < 0x80,
    "zero, then low": ([first, second]) => first === 0 && second! < 0x80,
    "zero, then high": ([first, second]) => first === 0 && second! >= 0x80,
  };
  for (const [name, fits] of Object.entries(shapes)) {
    // The server draws its keys until the secret has the shape, and writes it down by itself.
    const kex: KexMethod = {
      ...curve25519Sha256,
      server: (random) => ({
        receive(payload) {
          const { clientPublicKey } = SSH_MSG_KEX_ECDH_INIT.decode(payload);
          for (;;) {
            const own = random(32);
            const secret = nodeX25519(own, clientPublicKey);
            if (!fits(secret)) continue;
            const serverPublicKey = nodeX25519(own, BASE_POINT);
            const exchange = new Writer().string(clientPublicKey).string(serverPublicKey).finish();
            return {
              type: "done",
              secret: { exchange, sharedSecret: mpint(secret) },
              reply: (hostKey, signature) => SSH_MSG_KEX_ECDH_REPLY.encode({ hostKey, serverPublicKey, signature }),
            };
          }
        },
      }),
    };
    const target = new ClientTarget({ peer: { kex } }).login();
    target.expectAlive();
    expect([name, target.error]).toEqual([name, undefined]);
  }
});

/** RFC 4251 §5, from the definition: the number as it is written in base 256, and a zero in front of a high bit. */
function mpint(secret: Uint8Array): Uint8Array {
  const digits: number[] = [];
  for (let value = bytesToBigInt(secret); value > 0n; value /= 256n) digits.unshift(Number(value % 256n));
  if (digits[0]! >= 0x80) digits.unshift(0);
  return Uint8Array.of(0, 0, 0, digits.length, ...digits);
}

const BASE_POINT = Uint8Array.of(9, ...new Uint8Array(31));

/** X25519 (RFC 7748 §5) as node:crypto has it. */
function nodeX25519(secret: Uint8Array, point: Uint8Array): Uint8Array {
  const [pkcs8, spki] = ["302e020100300506032b656e04220420", "302a300506032b656e032100"].map((head) =>
    Buffer.from(head, "hex"),
  );
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8!, secret]), format: "der", type: "pkcs8" });
  const publicKey = createPublicKey({ key: Buffer.concat([spki!, point]), format: "der", type: "spki" });
  return new Uint8Array(diffieHellman({ privateKey, publicKey }));
}
