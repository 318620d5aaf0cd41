import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { utf8Encode } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import {
  type CertificateOptions,
  certificateProblem,
  certifiedPrivateKey,
  defaultCertificateAlgorithms,
  generateEcdsa,
  generateEd25519,
  issueCertificate,
  parseCertificate,
  USER_PERMISSIONS,
} from "../src/index.ts";

const random = hashChainRandom("certificates");
const authority = generateEcdsa("nistp384", random);
const key = generateEd25519(random);
const options: CertificateOptions = {
  publicKey: key.publicKey,
  type: "user",
  keyId: "alice@laptop",
  principals: ["alice", "root"],
  serial: 7n,
  validAfter: 100n,
  validBefore: 200n,
  criticalOptions: { "source-address": "10.0.0.0/8", "force-command": "id" },
  extensions: USER_PERMISSIONS,
  random,
};

describe("a certificate", () => {
  const blob = issueCertificate(authority, options);
  const certificate = parseCertificate(blob);

  test("has what it was issued with", () => {
    expect(certificate).toMatchObject({
      format: "ssh-ed25519-cert-v01@openssh.com",
      publicKey: key.publicKey,
      serial: 7n,
      type: "user",
      keyId: "alice@laptop",
      principals: ["alice", "root"],
      validAfter: 100n,
      validBefore: 200n,
      authority: authority.publicKey,
      signatureAlgorithm: "ecdsa-sha2-nistp384",
      isVerified: true,
    });
    expect([...certificate.criticalOptions.keys()]).toEqual(["force-command", "source-address"]);
    expect([...certificate.extensions.keys()]).toEqual(Object.keys(USER_PERMISSIONS));
  });

  test("signs as its key does, under a name of its own", () => {
    const data = utf8Encode("data");
    const algorithm = defaultCertificateAlgorithms.find(({ keyFormat }) => keyFormat === certificate.format)!;
    const signature = certifiedPrivateKey(key, certificate).sign(algorithm.name, data, random);
    expect(algorithm.verify(blob, data, signature)).toEqual({ certificate });
  });

  test.each([
    ["a host's", { type: "host" }, { reason: "type" }],
    ["too early", { now: 99n }, { reason: "not-yet-valid", at: 100n }],
    ["at its first second", { now: 100n }, undefined],
    ["at its last second", { now: 199n }, undefined],
    ["expired", { now: 200n }, { reason: "expired", at: 200n }],
    ["of others", { isPrincipal: () => false }, { reason: "principal" }],
    [
      "with an unknown option",
      { criticalOptions: ["force-command"] },
      { reason: "critical-option", name: "source-address" },
    ],
    [
      "by another algorithm",
      { authorityAlgorithms: [] },
      { reason: "authority-algorithm", name: "ecdsa-sha2-nistp384" },
    ],
  ] as const)("is judged: %s", (_, use, expected) => {
    const whole = {
      type: "user",
      now: 150n,
      authorityAlgorithms: ["ecdsa-sha2-nistp384"],
      isPrincipal: (name: string) => name === "root",
      criticalOptions: ["force-command", "source-address"],
      ...use,
    } as const;
    expect(certificateProblem(certificate, whole)).toEqual(expected);
  });
});
