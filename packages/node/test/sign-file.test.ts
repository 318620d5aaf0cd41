import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { parsePublicKeyLine, signFile as signPortably, verifyFile as verifyPortably } from "@nacre/keyfiles";
import {
  certifiedPrivateKey,
  generateEcdsa,
  generateEd25519,
  generateRsa,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
  readSignature,
} from "@nacre/keys";
import { finish } from "@nacre/testing/keyfiles";
import { seededRandom } from "@nacre/testing/random";
import { describe, expect, test } from "vitest";
import signed from "../../../test-vectors/signed-files.json" with { type: "json" };
import { signFile, verifyFile } from "../src/keys/sign-file.ts";
import { codeOf, temporaryFolder } from "./support.ts";

const random = seededRandom(3);
const KEYS: readonly PrivateKey[] = [
  generateEd25519(random),
  generateEcdsa("nistp384", random),
  finish(generateRsa(2048, random)),
];
const [key] = KEYS as [PrivateKey];
const content = random(300_000);
const options = { namespace: "file" };

async function fileWith(bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), "file");
  await writeFile(path, bytes);
  return path;
}

describe.each(KEYS)("a key of format $publicKey.format", (one) => {
  test.each(["sha256", "sha512"] as const)("signs a file with %s, and portable code agrees", async (hash) => {
    const path = await fileWith(content);
    const signature = await signFile(one, path, { ...options, hash });
    const verified = await verifyFile(signature, Readable.from([content.subarray(0, 9), content.subarray(9)]), options);
    expect(verified).toMatchObject({ ...options, hash, publicKey: one.publicKey.blob });
    expect(verifyPortably(signature, content, options)).toEqual(verified);
    const portable = signPortably(one, content, { ...options, hash, random });
    expect((await verifyFile(portable, path, options)).publicKey).toEqual(one.publicKey.blob);
  });
});

test.each(signed.unitTests.signatures.filter(({ key: name }) => name !== "dsa"))(
  "the $key signature of OpenSSH's tests is verified",
  async ({ publicKey, signature }) => {
    const { namespace, file } = signed.unitTests;
    const { blob } = parsePublicKeyLine(publicKey).publicKey;
    expect((await verifyFile(signature, Readable.from([Buffer.from(file)]), { namespace })).publicKey).toEqual(blob);
  },
);

test.each(KEYS)("a key of format $publicKey.format signs with its certificate", async (one) => {
  const content = { publicKey: one.publicKey, type: "user", keyId: "", principals: ["alice"] } as const;
  const blob = issueCertificate(key, { ...content, validBefore: "forever", random });
  const path = await fileWith(blob);
  for (const hash of ["sha256", "sha512"] as const) {
    const signature = await signFile(certifiedPrivateKey(one, parseCertificate(blob)), path, { ...options, hash });
    const verified = await verifyFile(signature, path, options);
    expect(verified.publicKey).toEqual(blob);
    // An RSA key signs with the hash of the file.
    if (one.publicKey.format === "ssh-rsa")
      expect(readSignature(`rsa-sha2-${hash.slice(3)}`, verified.signature)).toBeDefined();
    expect(verifyPortably(signature, blob, options)).toEqual(verified);
  }
});

test("a key elsewhere signs, and may refuse", async () => {
  const remote = {
    publicKey: key.publicKey,
    sign: async (name: string, data: Uint8Array) => key.sign(name, data, random),
  };
  const path = await fileWith(content);
  expect(await signFile(remote, path, options)).toBe(await signFile(key, path, options));
  const refusing = { ...remote, sign: async () => undefined };
  expect(await codeOf(signFile(refusing, path, options))).toBe("agent-failed");
});

test("says what is wrong", async () => {
  const path = await fileWith(content);
  const signature = await signFile(key, path, options);
  expect(await codeOf(verifyFile(signature, await fileWith(content.subarray(1)), options))).toBe("bad-signature");
  expect(await codeOf(verifyFile(signature, path, { namespace: "git" }))).toBe("bad-signature");
  expect(await codeOf(verifyFile(signature, path, { ...options, algorithms: [] }))).toBe("bad-signature");
  expect(await codeOf(verifyFile("no signature", path, options))).toBe("file-malformed");
  expect(await codeOf(verifyFile(signature, `${path}-missing`, options))).toBe("file-unreadable");
  expect(await codeOf(signFile(key, `${path}-missing`, options))).toBe("file-unreadable");
  expect(await codeOf(signFile(key, "-----BEGIN", options))).toBe("usage");
  expect(await codeOf(signFile(key, path, { namespace: "" }))).toBe("usage");
  expect(await codeOf(signFile(key, path, { ...options, hash: "sha1" as "sha256" }))).toBe("usage");
});
