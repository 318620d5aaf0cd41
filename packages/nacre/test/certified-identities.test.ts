import {
  type Certificate,
  type CertificateOptions,
  certifiedPrivateKey,
  defaultCertificateAlgorithms,
  generateEd25519,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
} from "@nacre/keys";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { hostKey } from "@nacre/testing/nacre/host";
import { failure } from "@nacre/testing/nacre/outcomes";
import { served } from "@nacre/testing/nacre/wire";
import { certificateAuthority, type LoginIdentity, type RemoteIdentity } from "nacre";
import { connect, serve, webDuplex } from "nacre/core";
import { defaultAlgorithms, defaultServerAlgorithms } from "nacre/defaults";
import { describe, expect, it } from "vitest";

const random = hashChainRandom("identities with certificates");
const authority = generateEd25519(random);
const key = generateEd25519(random);
const authenticate = certificateAuthority([authority.publicKey]);

function certificateOf({ publicKey }: PrivateKey, options: Partial<CertificateOptions> = {}): Certificate {
  const blob = issueCertificate(authority, {
    publicKey,
    type: "user",
    keyId: "alice@laptop",
    principals: ["alice"],
    validBefore: "forever",
    random,
    ...options,
  });
  return parseCertificate(blob);
}

const remote: RemoteIdentity = {
  publicKey: key.publicKey,
  sign: async (algorithm, data) => key.sign(algorithm, data, random),
};

describe("`{ certificate, key }` among the identities", () => {
  it.each<[string, PrivateKey | RemoteIdentity]>([
    ["a key in memory", key],
    ["a key elsewhere", remote],
  ])("logs in with the certificate of %s", async (_, signer) => {
    const identities = [{ certificate: certificateOf(key), key: signer }];
    const { client } = await served({ authenticate }, { identities });
    await client.close();
    expect(await failure(served({ authenticate }, { identities: [signer] }))).toMatchObject({
      code: "auth-failed",
    });
  });

  it("refuses a certificate for a host and one of another key", async () => {
    const refused: readonly [Certificate, RegExp][] = [
      [certificateOf(key, { type: "host" }), /is for a host/],
      [certificateOf(hostKey), /is not that of its `key`/],
    ];
    for (const [certificate, message] of refused)
      expect(await failure(served({ authenticate }, { identities: [{ certificate, key }] }))).toMatchObject({
        code: "usage",
        message: expect.stringMatching(message),
      });
  });

  it.each<[string, unknown, RegExp]>([
    [
      "a key that is a text",
      { certificate: certificateOf(key), key: "id_ed25519" },
      /the `key` of an identity must be/,
    ],
    ["a certificate that is not parsed", { certificate: certificateOf(key).blob, key }, /use `parseCertificate`/],
    ["no certificate", { certificate: undefined, key }, /use `parseCertificate`/],
  ])("refuses %s", async (_, identity, message) => {
    expect(await failure(served({}, { identities: [identity as LoginIdentity] }))).toMatchObject({
      code: "usage",
      message: expect.stringMatching(message),
    });
  });
});

it("a client of `nacre/core` takes the key that `certifiedPrivateKey` returns", async () => {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  serve(webDuplex({ readable: up.readable, writable: down.writable }), {
    hostKeys: [hostKey],
    authenticate,
    algorithms: defaultServerAlgorithms,
    userKeys: defaultCertificateAlgorithms,
  });
  const client = await connect(webDuplex({ readable: down.readable, writable: up.writable }), {
    user: "alice",
    hostKey: () => true,
    identities: [certifiedPrivateKey(remote, certificateOf(key))],
    algorithms: defaultAlgorithms,
  });
  await client.close();
});
