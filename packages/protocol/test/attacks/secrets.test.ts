import { createPrivateKey, createPublicKey, diffieHellman, getDiffieHellman } from "node:crypto";
import { curve25519Sha256, diffieHellmanGroup14Sha256, type KexMethod, mlkem768X25519Sha256 } from "@nacre/kex";
import { type PrivateKey, privateKeyFromFields } from "@nacre/keys";
import * as message from "@nacre/testing/attacks/messages";
import { algorithms } from "@nacre/testing/attacks/protocol-target";
import { keyVector } from "@nacre/testing/keys";
import { seededRandom } from "@nacre/testing/random";
import {
  bigIntToBytes,
  bytesToBigInt,
  concatBytes,
  type RandomSource,
  SSH_MSG_DISCONNECT,
  SSH_MSG_KEX_ECDH_INIT,
  SSH_MSG_KEX_ECDH_REPLY,
  SSH_MSG_KEXDH_INIT,
  SSH_MSG_KEXDH_REPLY,
  Writer,
} from "@nacre/wire";
import { expect, test } from "vitest";
import { ClientTarget } from "./support/client-target.ts";
import { ServerTarget } from "./support/server-target.ts";

const GOODBYE = SSH_MSG_DISCONNECT.number;
const random = seededRandom(90);
const keyNamed = (name: string): PrivateKey => privateKeyFromFields(keyVector(name).fields);

/** Returns a client that waits for the key exchange reply of a server with this host key. */
function facing(hostKey: PrivateKey, hostKeyAlgorithm?: string): ClientTarget {
  const target = new ClientTarget({ peer: { hostKey, ...(hostKeyAlgorithm && { hostKeyAlgorithm }) } });
  target.peer.identify().init();
  return target;
}

/** Asserts that the key exchange failed before the host key event, and that only DISCONNECT was sent. */
function expectRefused(target: ClientTarget, code: "kex-failed" | "bad-signature"): void {
  target.expectClosed(code);
  expect(target.eventsOf("verify-host-key")).toEqual([]);
  expect(target.sent).toEqual([20, 30, GOODBYE]);
}

const little = (value: bigint): Uint8Array => bigIntToBytes(value, 32).toReversed();

/** Prime of group 14 (RFC 3526 §3). */
const p14 = bytesToBigInt(getDiffieHellman("modp14").getPrime());
const BAD_DH_VALUES = [0n, 1n, p14 - 1n, p14, p14 + 1n, 2n * p14, -1n, -2n, 1n << 100_000n];

test("DH public value · client", () => {
  const machine = { algorithms: { ...algorithms, kex: [diffieHellmanGroup14Sha256] } };
  for (const f of BAD_DH_VALUES) {
    // The attacker knows the secret that results from this value and completes the exchange.
    const known = f === 1n || f === p14 - 1n || f === p14 + 1n ? 1n : 0n;
    const kex: KexMethod = {
      ...diffieHellmanGroup14Sha256,
      server: () => ({
        receive(payload) {
          const { e } = SSH_MSG_KEXDH_INIT.decode(payload);
          const secret = {
            exchange: new Writer().mpint(e).mpint(f).finish(),
            sharedSecret: new Writer().mpint(known).finish(),
          };
          const reply = (hostKey: Uint8Array, signature: Uint8Array): Uint8Array =>
            SSH_MSG_KEXDH_REPLY.encode({ hostKey, f, signature });
          return { type: "done", secret, reply };
        },
      }),
    };
    const target = new ClientTarget({ machine, peer: { kex } });
    target.peer.identify().init().reply();
    expectRefused(target, "kex-failed");
  }
  const honest = new ClientTarget({ machine, peer: { kex: diffieHellmanGroup14Sha256 } });
  honest.login().expectAlive();
});

test("DH public value · server", () => {
  const machine = { algorithms: { ...algorithms, kex: [diffieHellmanGroup14Sha256] } };
  for (const e of BAD_DH_VALUES) {
    const target = new ServerTarget({ machine, peer: { kex: diffieHellmanGroup14Sha256 } });
    target.peer.identify().init().send(SSH_MSG_KEXDH_INIT.encode({ e }));
    expectUnanswered(target);
  }
  const honest = new ServerTarget({ machine, peer: { kex: diffieHellmanGroup14Sha256 } });
  honest.login().expectAlive();
});

/** Returns every 32-byte encoding of a point of small order (RFC 7748 §5, §6.1). */
function smallOrderPoints(): Uint8Array[] {
  const p = 2n ** 255n - 19n;
  const orderEight = [
    325606250916557431795983626356110631294008115727848805560023387167927233504n,
    39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  ];
  const small = [0n, 1n, p - 1n, p, p + 1n, ...orderEight, ...orderEight.map((value) => value + p)].filter(
    (value) => value < 2n ** 255n,
  );
  const points = small.flatMap((value) => [little(value), little(value + 2n ** 255n)]);
  expect(points.length).toBeGreaterThanOrEqual(14);
  return points;
}

test("X25519 · client", () => {
  for (const publicKey of smallOrderPoints()) {
    // The attacker knows that the secret is 0, and signs the exchange hash computed with it.
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

/** Asserts that the server ended the key exchange without a reply or a signature. */
function expectUnanswered(target: ServerTarget): void {
  target.expectClosed("kex-failed");
  expect(target.sent).toEqual([20, GOODBYE]);
}

test("X25519 · server", () => {
  const values = [0, 1, 31, 33, 64, 1024].map((length) => new Uint8Array(length).fill(9));
  for (const clientPublicKey of [...smallOrderPoints(), ...values]) {
    const target = new ServerTarget();
    target.peer.identify().init().send(SSH_MSG_KEX_ECDH_INIT.encode({ clientPublicKey }));
    expectUnanswered(target);
    if (clientPublicKey.length !== 32) expect(target.error?.message).toContain(`has ${clientPublicKey.length} bytes`);
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

  // Wrong length: a specific error, before decapsulation.
  for (const length of [0, 32, 1088, 1119, 1121, 1184 + 32, 1568 + 32, 30_000]) {
    const target = hybrid();
    target.peer.reply({ publicKey: new Uint8Array(length).fill(9) });
    expectRefused(target, "kex-failed");
    expect(target.error?.message).toContain(`has ${length} bytes`);
  }
  // Right length but changed: the secret differs, and the error is the same as for an invalid signature.
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
  // The X25519 half is checked separately.
  const classical = hybrid();
  const reply = SSH_MSG_KEX_ECDH_REPLY.decode(classical.peer.makeReply());
  const serverPublicKey = concatBytes(reply.serverPublicKey.subarray(0, 1088), new Uint8Array(32));
  classical.peer.send(SSH_MSG_KEX_ECDH_REPLY.encode({ ...reply, serverPublicKey }));
  expectRefused(classical, "kex-failed");
});

test("ML-KEM, sntrup · server", () => {
  const kex = mlkem768X25519Sha256;
  const hybrid = (): ServerTarget => {
    const target = new ServerTarget({ machine: { algorithms: { ...algorithms, kex: [kex] } }, peer: { kex } });
    target.peer.identify().init();
    return target;
  };
  const whole = hybrid();
  whole.peer.startKex().newKeys();
  whole.finish().expectAlive();

  const { clientPublicKey } = SSH_MSG_KEX_ECDH_INIT.decode(kex.client(random).start());
  expect(clientPublicKey).toHaveLength(1184 + 32);
  const lengths = [0, 32, 1184, 1215, 1217, 1088 + 32, 1568 + 32, 30_000];
  // A coefficient of 3329 or more makes the encapsulation key invalid (FIPS 203 §7.2).
  const coefficient = clientPublicKey.slice();
  coefficient.set([0x01, 0x0d], 0);
  const bad = [
    ...lengths.map((length) => new Uint8Array(length).fill(9)),
    coefficient,
    concatBytes(new Uint8Array(1184).fill(0xff), clientPublicKey.subarray(1184)),
    // The X25519 half is checked separately.
    concatBytes(clientPublicKey.subarray(0, 1184), new Uint8Array(32)),
  ];
  for (const value of bad) {
    const target = hybrid();
    target.peer.send(SSH_MSG_KEX_ECDH_INIT.encode({ clientPublicKey: value }));
    expectUnanswered(target);
    if (value.length !== 1216) expect(target.error?.message).toContain(`has ${value.length} bytes`);
  }
});

/** Forms of a secret with different `mpint` encodings. */
const SHAPES: Readonly<Record<string, (secret: Uint8Array) => boolean>> = {
  "high bit": ([first]) => first! >= 0x80,
  "low bit": ([first]) => first! > 0 && first! < 0x80,
  "zero, then low": ([first, second]) => first === 0 && second! < 0x80,
  "zero, then high": ([first, second]) => first === 0 && second! >= 0x80,
};

/** Draws private keys until the shared secret has the wanted form. */
function fitting(random: RandomSource, publicKey: Uint8Array, fits: (secret: Uint8Array) => boolean): Uint8Array {
  for (;;) {
    const own = random(32);
    if (fits(nodeX25519(own, publicKey))) return own;
  }
}

test("shared secret as mpint · server", () => {
  for (const [name, fits] of Object.entries(SHAPES)) {
    // The server's private key is fixed, and the client's is drawn to fit.
    const serverSecret = seededRandom(5)(32);
    const serverPublicKey = nodeX25519(serverSecret, BASE_POINT);
    const own = fitting(random, serverPublicKey, fits);
    const clientPublicKey = nodeX25519(own, BASE_POINT);
    const exchange = new Writer().string(clientPublicKey).string(serverPublicKey).finish();
    const kex: KexMethod = {
      ...curve25519Sha256,
      client: () => ({
        start: () => SSH_MSG_KEX_ECDH_INIT.encode({ clientPublicKey }),
        receive(payload) {
          const { hostKey, signature } = SSH_MSG_KEX_ECDH_REPLY.decode(payload);
          const sharedSecret = mpint(nodeX25519(own, serverPublicKey));
          return { type: "done", secret: { exchange, sharedSecret }, hostKey, signature };
        },
      }),
    };
    const source = seededRandom(6);
    const target = new ServerTarget({
      machine: { random: (length) => (length === 32 ? serverSecret.slice() : source(length)) },
      peer: { kex },
    });
    target.login().expectAlive();
    expect([name, target.error]).toEqual([name, undefined]);
  }
});

test("shared secret as mpint · client", () => {
  for (const [name, fits] of Object.entries(SHAPES)) {
    // The server draws private keys until the secret fits, and encodes it independently.
    const kex: KexMethod = {
      ...curve25519Sha256,
      server: (random) => ({
        receive(payload) {
          const { clientPublicKey } = SSH_MSG_KEX_ECDH_INIT.decode(payload);
          const own = fitting(random, clientPublicKey, fits);
          const serverPublicKey = nodeX25519(own, BASE_POINT);
          const exchange = new Writer().string(clientPublicKey).string(serverPublicKey).finish();
          return {
            type: "done",
            secret: { exchange, sharedSecret: mpint(nodeX25519(own, clientPublicKey)) },
            reply: (hostKey, signature) => SSH_MSG_KEX_ECDH_REPLY.encode({ hostKey, serverPublicKey, signature }),
          };
        },
      }),
    };
    const target = new ClientTarget({ peer: { kex } }).login();
    target.expectAlive();
    expect([name, target.error]).toEqual([name, undefined]);
  }
});

/** Encodes an `mpint` by its definition (RFC 4251 §5): base 256, with a leading zero byte before a high bit. */
function mpint(secret: Uint8Array): Uint8Array {
  const digits: number[] = [];
  for (let value = bytesToBigInt(secret); value > 0n; value /= 256n) digits.unshift(Number(value % 256n));
  if (digits[0]! >= 0x80) digits.unshift(0);
  return Uint8Array.of(0, 0, 0, digits.length, ...digits);
}

const BASE_POINT = Uint8Array.of(9, ...new Uint8Array(31));

/** Computes X25519 (RFC 7748 §5) with `node:crypto`. */
function nodeX25519(secret: Uint8Array, point: Uint8Array): Uint8Array {
  const [pkcs8, spki] = ["302e020100300506032b656e04220420", "302a300506032b656e032100"].map((head) =>
    Buffer.from(head, "hex"),
  );
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8!, secret]), format: "der", type: "pkcs8" });
  const publicKey = createPublicKey({ key: Buffer.concat([spki!, point]), format: "der", type: "spki" });
  return new Uint8Array(diffieHellman({ privateKey, publicKey }));
}
