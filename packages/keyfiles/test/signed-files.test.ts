import { defaultSignatureAlgorithms, generateEd25519, type SignatureAlgorithm } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { bodyOf, flipped, keyOf, pem, unlock } from "@nacre/testing/keyfiles";
import { seededRandom } from "@nacre/testing/random";
import { Reader, utf8Encode, Writer } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import vectors from "../../../test-vectors/signed-files.json" with { type: "json" };
import {
  type FileSignature,
  FileSigner,
  FileVerifier,
  parseFileSignature,
  parsePublicKeyLine,
  signFile,
  verifyFile,
} from "../src/index.ts";
import { formatFileSignature } from "../src/sshsig/file-signature.ts";
import { createFileHash } from "../src/sshsig/sign-file.ts";

const random = seededRandom(1);
const { made, unitTests } = vectors;
const file = utf8Encode(made.file);
const key = keyOf("ed25519-plain");
const options = { namespace: "file" };

describe.each(made.signatures)("$key with $hash", ({ privateKey, signature, hash, key: name }) => {
  const signer = unlock(privateKey).privateKey;

  test("verifies what ssh-keygen signed", () => {
    const found = verifyFile(signature, file, options);
    expect(found).toMatchObject({ namespace: "file", hash });
    expect(found.publicKey).toEqual(signer.publicKey.blob);
  });

  test("signs as ssh-keygen does", () => {
    const ours = signFile(signer, file, { ...options, hash: hash as "sha256", random });
    // ssh-keygen takes random nonces for ECDSA.
    if (!name.startsWith("ecdsa")) expect(ours).toBe(signature);
    expect(verifyFile(ours, file, options).publicKey).toEqual(signer.publicKey.blob);
  });
});

function verifyUnitTest(signature: string): FileSignature {
  return verifyFile(signature, utf8Encode(unitTests.file), { namespace: unitTests.namespace });
}

describe.each(unitTests.signatures)("the $key signature of OpenSSH's tests", ({ publicKey, signature }) => {
  const read = parseFileSignature(signature);
  const format = new Reader(read.publicKey, "key").name("format");

  test("is read and written", () => {
    expect(formatFileSignature(read)).toBe(signature);
    expect(publicKey.split(" ")[0]).toBe(format);
  });

  test("is verified if the key's format is known", () => {
    if (defaultSignatureAlgorithms.some(({ keyFormat }) => keyFormat === format))
      expect(verifyUnitTest(signature).publicKey).toEqual(parsePublicKeyLine(publicKey).publicKey.blob);
    else expectError("bad-signature", () => verifyUnitTest(signature));
  });
});

test("a file may come in any chunks", () => {
  const signature = signFile(key, file, { ...options, random });
  fc.assert(
    fc.property(fc.array(fc.nat(file.length)), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), file.length];
      const chunks = places.slice(1).map((end, index) => file.subarray(places[index], end));
      expect(signFile(key, chunks, { ...options, random })).toBe(signature);
      const verifier = new FileVerifier(
        signature,
        { ...options, algorithms: defaultSignatureAlgorithms },
        createFileHash,
      );
      for (const chunk of chunks) verifier.update(chunk);
      expect(verifier.finish().publicKey).toEqual(key.publicKey.blob);
    }),
    { numRuns: 20 },
  );
});

test("a key elsewhere signs the bytes of a `FileSigner`", () => {
  const signer = new FileSigner(key.publicKey, { namespace: "file", hash: "sha256" }, createFileHash);
  signer.update(file);
  const { algorithm, data, armour } = signer.finish();
  expect(algorithm).toBe("ssh-ed25519");
  expect(verifyFile(armour(key.sign(algorithm, data, random)), file, options).hash).toBe("sha256");
  expectError("usage", () => new FileSigner(key.publicKey, { namespace: "" }, createFileHash));
});

test("a text may have CRLF, blanks in its base64 and anything behind its end", () => {
  const { signature } = made.signatures[0]!;
  const read = parseFileSignature(signature);
  expect(parseFileSignature(signature.replaceAll("\n", "\r\n"))).toEqual(read);
  expect(parseFileSignature(signature.replace(/.{9}\n/, "$& \t"))).toEqual(read);
  expect(parseFileSignature(utf8Encode(`${signature}more`))).toEqual(read);
  expectError("file-malformed", () => parseFileSignature(`\n${signature}`));
});

describe("damage", () => {
  const signature = signFile(key, file, { ...options, random });

  test("any cut is refused", () => {
    for (let length = 0; length < signature.trimEnd().length; length++)
      expectError("file-malformed", () => verifyFile(signature.slice(0, length), file, options));
    const blob = bodyOf(signature);
    for (let length = 0; length < blob.length; length++)
      expectError("file-malformed", () => verifyFile(pem("SSH SIGNATURE", blob.subarray(0, length)), file, options));
  });

  test("any changed byte is refused", () => {
    const blob = bodyOf(signature);
    for (let at = 0; at < blob.length; at++)
      expect(() => verifyFile(pem("SSH SIGNATURE", flipped(blob, at, 0x01)), file, options), `byte ${at}`).toThrow();
  });
});

/** An algorithm that accepts everything, so that only the rules of the format refuse. */
const ANYTHING: SignatureAlgorithm = {
  name: "ssh-ed25519",
  signatureName: "ssh-ed25519",
  keyFormat: "ssh-ed25519",
  verify: () => ({}),
};

/** Verifies a signature with these fields. */
function verifyFields(fields: {
  readonly version?: number;
  readonly namespace?: string;
  readonly reserved?: string;
  readonly hash?: string;
  readonly algorithm?: string;
  readonly more?: string;
}): unknown {
  const {
    version = 1,
    namespace = "file",
    reserved = "",
    hash = "sha512",
    algorithm = "ssh-ed25519",
    more = "",
  } = fields;
  const signature = new Writer().string(algorithm).string(new Uint8Array(64)).finish();
  const blob = new Writer().raw(utf8Encode("SSHSIG")).uint32(version).string(key.publicKey.blob);
  blob.string(namespace).string(reserved).string(hash).string(signature).raw(utf8Encode(more));
  const algorithms = [ANYTHING, { ...ANYTHING, name: algorithm }];
  return verifyFile(pem("SSH SIGNATURE", blob.finish()), file, { namespace, algorithms });
}

test("SSHSIG: fields of the signature · client", () => {
  verifyFields({});
  // Not signed by anyone, and to be ignored.
  verifyFields({ reserved: "for later" });
  for (const version of [0, 2, 0xffff_ffff]) expectError("file-malformed", () => verifyFields({ version }));
  expectError("file-malformed", () => verifyFields({ namespace: "" }));
  for (const hash of ["sha1", "md5", "sha384", "SHA512", "sha512,sha256", ""])
    expectError("file-malformed", () => verifyFields({ hash }));
  expectError("file-malformed", () => verifyFields({ more: "\0" }));
});

test("SSHSIG: a signature for something else · client", () => {
  const signature = signFile(key, file, { ...options, random });
  verifyFile(signature, file, options);
  expectError("bad-signature", () => verifyFile(signature, file, { namespace: "git" }));
  expectError("bad-signature", () => verifyFile(signature, file, { namespace: "files" }));
  expectError("bad-signature", () => verifyFile(signature, file.subarray(1), options));
  const other = { ...parseFileSignature(signature), publicKey: generateEd25519(random).publicKey.blob };
  expectError("bad-signature", () => verifyFile(formatFileSignature(other), file, options));
  // The name inside the signature decides, even if a list of algorithms has it.
  expectError("bad-signature", () => verifyFields({ algorithm: "ssh-rsa" }));
});

test("SSHSIG: a signature of more than 1 MiB · client", () => {
  const signature = signFile(key, file, { ...options, random });
  verifyFile(`${signature}${"x".repeat(1000)}`, file, options);
  expectError("file-malformed", () => verifyFile(`${signature}${"x".repeat(1024 * 1024)}`, file, options));
});
