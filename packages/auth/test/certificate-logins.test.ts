import {
  certifiedPrivateKey,
  defaultCertificateAlgorithms,
  defaultSignatureAlgorithms,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
} from "@nacre/keys";
import { describe, expect, test } from "vitest";
import type { ServerAuthOptions } from "../src/index.ts";
import { query, ServerRig, signed } from "./server-support.ts";
import { keyOf, random } from "./support.ts";

const ALGORITHM = "ssh-ed25519-cert-v01@openssh.com";
/** Offset of the last byte of the serial number. Before it are the name, a nonce of 32 bytes and a key of 32 bytes. */
const SERIAL = 4 + ALGORITHM.length + 4 + 32 + 4 + 32 + 7;
const key = keyOf(1);
const authority = keyOf(9);

/** Returns the key in a new certificate. `damage` is done to its bytes. */
function certified(principal = "alice", damage: (blob: Uint8Array) => void = () => {}): PrivateKey {
  const blob = issueCertificate(authority, {
    publicKey: key.publicKey,
    type: "user",
    keyId: "alice@laptop",
    principals: [principal],
    validBefore: "forever",
    random,
  });
  const whole = certifiedPrivateKey(key, parseCertificate(blob));
  damage(whole.publicKey.blob);
  return whole;
}

function ready(options: Partial<ServerAuthOptions> = {}): ServerRig {
  return ServerRig.ready({
    signatureAlgorithms: [...defaultCertificateAlgorithms, ...defaultSignatureAlgorithms],
    ...options,
  });
}

/** Returns a server that accepts this algorithm of authorities alone. */
function accepting(name: string): ServerRig {
  return ready({ authorityAlgorithms: [{ name, signatureName: name }] });
}

describe("a login with a certificate", () => {
  const one = certified();
  const certificate = parseCertificate(one.publicKey.blob);

  test("has the certificate, in a query too", () => {
    const rig = ready();
    rig.receive(query(one, { algorithm: ALGORITHM }));
    const asked = rig.event("query");
    expect(asked).toMatchObject({ algorithm: ALGORITHM, publicKey: one.publicKey.blob, certificate });
    rig.server.answer(asked.token, true);
    expect(rig.sent()).toEqual([`ok ${ALGORITHM}`]);
    rig.receive(signed(one, { algorithm: ALGORITHM }));
    expect(rig.event("publickey")).toMatchObject({ algorithm: ALGORITHM, certificate });
  });

  test.each<[string, Partial<ServerAuthOptions>, PrivateKey, { algorithm?: string; signer?: PrivateKey }]>([
    ["an authority's signature over other bytes", {}, certified("alice", (blob) => void (blob[SERIAL] = 1)), {}],
    ["a certificate under the name of its key", {}, one, { algorithm: "ssh-ed25519" }],
    ["a plain key under the name of a certificate", {}, key, {}],
    ["a certificate if only plain keys are accepted", { signatureAlgorithms: defaultSignatureAlgorithms }, one, {}],
  ])("refuses %s, asked or signed, without asking", (_, options, sent, { algorithm = ALGORITHM }) => {
    const rig = ready(options);
    const signer = { algorithm, signer: key, signWith: "ssh-ed25519" };
    for (const message of [query(sent, { algorithm }), signed(sent, signer)])
      expect(rig.receive(message)).toEqual(["failure publickey,password,keyboard-interactive"]);
    expect(rig.events()).toEqual([]);
  });

  test("refuses a certificate whose authority signed with an algorithm that is not accepted", () => {
    for (const message of [query(one, { algorithm: ALGORITHM }), signed(one, { algorithm: ALGORITHM })]) {
      const rig = accepting("rsa-sha2-512");
      expect(rig.receive(message)).toEqual(["failure publickey,password,keyboard-interactive"]);
      expect(rig.events()).toEqual([]);
      const other = accepting("ssh-ed25519");
      other.receive(message);
      expect(other.events()).toHaveLength(1);
    }
  });

  test("refuses the authority's signature in the place of the key's", () => {
    const rig = ready();
    const forged = signed(one, { algorithm: ALGORITHM, signer: authority, signWith: "ssh-ed25519" });
    expect(rig.receive(forged)).toEqual(["failure publickey,password,keyboard-interactive"]);
    expect(rig.events()).toEqual([]);
  });

  test("refuses a second certificate of the same key, and the key itself, as a second factor", () => {
    for (const [first, second] of [
      [one, certified("bob")],
      [one, key],
      [key, one],
    ] as const) {
      const rig = ready();
      const algorithm = second.publicKey.format;
      rig.receive(signed(first, { algorithm: first.publicKey.format }));
      rig.server.answer(rig.event("publickey").token, { partial: ["publickey"] });
      rig.sent();
      for (const message of [query(second, { algorithm }), signed(second, { algorithm })])
        expect(rig.receive(message)).toEqual(["failure publickey"]);
      expect(rig.events()).toEqual([]);
    }
  });
});
