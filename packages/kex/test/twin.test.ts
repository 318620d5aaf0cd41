import { createECDH, getDiffieHellman } from "node:crypto";
import {
  done,
  initOf as ecdhInitOf,
  replyOf as ecdhReplyOf,
  HOST_KEY,
  hex,
  mpint,
  SIGNATURE,
  seeded,
} from "@nacre/testing/kex";
import { SSH_MSG_KEX_ECDH_INIT, SSH_MSG_KEX_ECDH_REPLY, SSH_MSG_KEXDH_INIT, SSH_MSG_KEXDH_REPLY } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import * as kex from "../src/index.ts";

const CURVES = [
  { method: kex.ecdhSha2Nistp256, openssl: "prime256v1" },
  { method: kex.ecdhSha2Nistp384, openssl: "secp384r1" },
  { method: kex.ecdhSha2Nistp521, openssl: "secp521r1" },
];

describe.each(CURVES)("$method.name", ({ method, openssl }) => {
  it("computes the same secret as OpenSSL, as client and as server", () => {
    for (let i = 0; i < 5; i++) {
      const twin = createECDH(openssl);
      const twinPublic = new Uint8Array(twin.generateKeys());
      const client = method.client(seeded(i));
      const { clientPublicKey } = SSH_MSG_KEX_ECDH_INIT.decode(client.start());
      const end = done(client.receive(ecdhReplyOf(twinPublic)));
      expect(hex(end.secret.sharedSecret)).toBe(mpint(twin.computeSecret(clientPublicKey).toString("hex")));

      const answer = done(method.server(seeded(i + 10)).receive(ecdhInitOf(twinPublic)));
      const { serverPublicKey } = SSH_MSG_KEX_ECDH_REPLY.decode(answer.reply(HOST_KEY, SIGNATURE));
      expect(hex(answer.secret.sharedSecret)).toBe(mpint(twin.computeSecret(serverPublicKey).toString("hex")));
    }
  });
});

const GROUPS = [
  { method: kex.diffieHellmanGroup14Sha256, group: 14 },
  { method: kex.diffieHellmanGroup16Sha512, group: 16 },
  { method: kex.diffieHellmanGroup18Sha512, group: 18 },
];

const initOf = (e: bigint) => SSH_MSG_KEXDH_INIT.encode({ e });
const replyOf = (f: bigint) => SSH_MSG_KEXDH_REPLY.encode({ hostKey: HOST_KEY, f, signature: SIGNATURE });

describe.each(GROUPS)("$method.name", ({ method, group }) => {
  it("computes the same secret as OpenSSL with full-length exponents, as client and as server", () => {
    const twin = getDiffieHellman(`modp${group}`);
    const twinValue = BigInt(`0x${twin.generateKeys("hex")}`);
    const client = method.client(seeded(1));
    const { e } = SSH_MSG_KEXDH_INIT.decode(client.start());
    const end = done(client.receive(replyOf(twinValue)));
    expect(hex(end.secret.sharedSecret)).toBe(mpint(twin.computeSecret(evenHex(e), "hex", "hex")));

    const answer = done(method.server(seeded(2)).receive(initOf(twinValue)));
    const { f } = SSH_MSG_KEXDH_REPLY.decode(answer.reply(HOST_KEY, SIGNATURE));
    expect(hex(answer.secret.sharedSecret)).toBe(mpint(twin.computeSecret(evenHex(f), "hex", "hex")));
  });
});

function evenHex(value: bigint): string {
  const digits = value.toString(16);
  return digits.length % 2 === 1 ? `0${digits}` : digits;
}
