import {
  type CertificateOptions,
  certifiedPrivateKey,
  defaultCertificateAlgorithms,
  defaultSignatureAlgorithms,
  generateEcdsa,
  generateEd25519,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
  readSignature,
  type SignatureAlgorithm,
  writeSignature,
} from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { equalBytes } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { proveHostKey } from "../src/host-key.ts";

const random = hashChainRandom("host certificates");
const [host, authority] = [generateEd25519(random), generateEd25519(random)];
const hash = random(32);
const NAME = "ssh-ed25519-cert-v01@openssh.com";

function named(name: string): SignatureAlgorithm {
  return [...defaultCertificateAlgorithms, ...defaultSignatureAlgorithms].find((one) => one.name === name)!;
}

function issue(by: PrivateKey = authority, options: Partial<CertificateOptions> = {}): Uint8Array<ArrayBuffer> {
  return issueCertificate(by, {
    publicKey: host.publicKey,
    type: "host",
    keyId: "a host",
    principals: ["example.org"],
    validBefore: "forever",
    random,
    ...options,
  });
}

const blob = issue();
const signature = host.sign("ssh-ed25519", hash, random);

describe("a host certificate in a key exchange", () => {
  test("is proved by the key in it", () => {
    expect(proveHostKey(named(NAME), blob, hash, signature)).toEqual({ certificate: parseCertificate(blob) });
    const certified = certifiedPrivateKey(host, parseCertificate(blob)).sign(NAME, hash, random);
    expect(equalBytes(certified, signature)).toBe(true);
  });

  test("and a plain key do not stand for each other", () => {
    expectError("kex-failed", () => proveHostKey(named("ssh-ed25519"), blob, hash, signature));
    expectError("kex-failed", () => proveHostKey(named(NAME), host.publicKey.blob, hash, signature));
    const ecdsa = generateEcdsa("nistp256", random);
    const other = issue(authority, { publicKey: ecdsa.publicKey });
    expectError("kex-failed", () => proveHostKey(named(NAME), other, hash, signature));
  });

  test("is not proved by its authority, by the name of certificates, or over another exchange", () => {
    const byAuthority = authority.sign("ssh-ed25519", hash, random);
    expectError("bad-signature", () => proveHostKey(named(NAME), blob, hash, byAuthority));
    expectError("bad-signature", () => proveHostKey(named(NAME), blob, random(32), signature));
    const renamed = writeSignature(NAME, readSignature("ssh-ed25519", signature)!);
    expectError("bad-signature", () => proveHostKey(named(NAME), blob, hash, renamed));
  });

  test("ends the connection if its authority did not sign it, or is a certificate itself", () => {
    const changed = blob.slice();
    changed[blob.length - 1]! ^= 1;
    expectError("kex-failed", () => proveHostKey(named(NAME), changed, hash, signature));
    const nested = issue(
      certifiedPrivateKey(authority, parseCertificate(issue(authority, { publicKey: authority.publicKey }))),
    );
    expectError("kex-failed", () => proveHostKey(named(NAME), nested, hash, signature));
  });

  test("that is of a user, expired or for another host is proved like any other: known hosts decide about it", () => {
    const odd = issue(authority, { type: "user", validBefore: 1n, principals: ["elsewhere"] });
    expect(proveHostKey(named(NAME), odd, hash, signature).certificate).toMatchObject({
      type: "user",
      validBefore: 1n,
    });
  });
});
