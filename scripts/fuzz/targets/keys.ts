import { randomart } from "@nacre/keyfiles";
import {
  defaultCertificateAlgorithms,
  defaultKeyFormats,
  defaultSignatureAlgorithms,
  fingerprint,
  parseCertificate,
  parsePublicKey,
} from "@nacre/keys";
import { certificateKey, readCertificate } from "@nacre/keys/internal";
import { plainAlgorithms } from "../../../packages/node/src/crypto/algorithms.ts";
import { attempt, expectEqual, expectTrue, outcome } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input } from "../input.ts";

const ALGORITHMS = [...defaultSignatureAlgorithms, ...defaultCertificateAlgorithms];

/** A public key blob. */
export const publicKeys: Target = {
  name: "public-keys",
  run: (blob) => {
    const key = attempt(() => parsePublicKey(blob));
    if (key === undefined) return;
    expectEqual(key.blob, blob, "blob of a key");
    expectTrue(
      key.algorithms.every(({ name }) => ALGORITHMS.some((one) => one.name === name && one.keyFormat === key.format)),
      `a key of format ${key.format} lists an algorithm of another format`,
    );
    expectTrue(fingerprint(blob, "sha256").startsWith("SHA256:"), "fingerprint");
    randomart(blob);
  },
};

/** A certificate blob. The authority's signature is verified by noble and node:crypto. */
export const certificates: Target = {
  name: "certificates",
  run: (blob) => {
    const parsed = outcome(() => parseCertificate(blob));
    expectEqual(
      outcome(() => readCertificate(blob, defaultKeyFormats, plainAlgorithms)),
      parsed,
      "certificate on node:crypto",
    );
    if (parsed.value === undefined) return;
    const { format, publicKey } = parsed.value;
    expectEqual(
      certificateKey(parsed.value),
      { ...parsePublicKey(blob), certifies: publicKey },
      "key of a certificate",
    );
    expectTrue(parsePublicKey(publicKey.blob).format !== format, "a certificate is certified");
  },
};

/** A key, data and a signature. The first byte selects the algorithm. noble and node:crypto must give the same result. */
export const signatures: Target = {
  name: "signatures",
  run: (bytes) => {
    const input = new Input(bytes);
    const algorithm = defaultSignatureAlgorithms[input.byte() % defaultSignatureAlgorithms.length]!;
    const twin = plainAlgorithms.find(({ name }) => name === algorithm.name)!;
    const [key, data, signature] = [input.string(), input.string(), input.string()];
    const ours = outcome(() => algorithm.verify(key, data, signature));
    expectEqual(
      outcome(() => twin.verify(key, data, signature)),
      ours,
      `${algorithm.name} on node:crypto`,
    );
  },
};
