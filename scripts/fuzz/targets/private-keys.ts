import { formatPpk, formatPrivateKey, openPrivateKey, type PrivateKeyFile } from "@nacre/keyfiles";
import { defaultSignatureAlgorithms, type PrivateKey } from "@nacre/keys";
import { seededRandom } from "@nacre/testing/random";
import { base64Encode } from "@nacre/wire";
import { attempt, expectEqual, expectSafe } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input } from "../input.ts";

/** Low limits, so that decryption is fast and files with higher costs are refused. */
const LIMITS = {
  maxFileSize: 16 * 1024,
  maxBcryptRounds: 2,
  maxPbkdf2Iterations: 1000,
  maxScryptMemory: 2 * 1024 * 1024,
  maxArgon2Work: 64 * 1024,
};
/** Passphrase of the test vectors that serve as seeds. */
const PASSPHRASE = "correct horse ünd Batterie";

/** PEM labels. The first byte of an input is an index into this list. */
export const KEY_LABELS: readonly string[] = [
  "OPENSSH PRIVATE KEY",
  "PRIVATE KEY",
  "ENCRYPTED PRIVATE KEY",
  "RSA PRIVATE KEY",
  "EC PRIVATE KEY",
  "DSA PRIVATE KEY",
];

/** A private key file as text. */
export const privateKeyFiles: Target = { name: "private-key-files", run: expectKey };

/** The content of a private key file before base64 encoding. The first byte selects the label. */
export const privateKeyBodies: Target = {
  name: "private-key-bodies",
  run: (bytes) => {
    const input = new Input(bytes);
    const label = KEY_LABELS[input.byte() % KEY_LABELS.length];
    const body = base64Encode(input.rest());
    expectKey(new Uint8Array(Buffer.from(`-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`)));
  },
};

/** Asserts that a key stays the same when it is written and read again. */
export function expectKey(bytes: Uint8Array): void {
  const file = attempt(() => openPrivateKey(bytes, LIMITS));
  if (file === undefined) return;
  const unlocked = file.encrypted ? attempt(() => finish(file.decrypt(PASSPHRASE))) : file;
  if (unlocked === undefined) return;
  const { privateKey, comment } = unlocked;
  const rewritten = attempt(() =>
    finish(formatPrivateKey(privateKey, { format: "openssh", comment, random: seededRandom(1) })),
  );
  if (rewritten === undefined) return;
  const inPpk = attempt(() => finish(formatPpk(privateKey, { comment, random: seededRandom(1) })));
  for (const text of inPpk === undefined ? [rewritten] : [rewritten, inPpk]) {
    const again = openPrivateKey(text, { ...LIMITS, maxFileSize: 64 * 1024 });
    expectPlain(again);
    expectEqual(again.privateKey.fields, privateKey.fields, "key after writing and reading");
    expectEqual(again.comment, comment, "comment after writing and reading");
  }
  expectSigns(privateKey);
}

function expectPlain(file: PrivateKeyFile): asserts file is Extract<PrivateKeyFile, { encrypted: false }> {
  expectEqual(file.encrypted, false, "encrypted");
}

/** Asserts that a key can sign, and that its public key verifies the signature. */
function expectSigns(key: PrivateKey): void {
  const algorithm = defaultSignatureAlgorithms.find(({ name }) => name === key.publicKey.algorithms[0]!.name);
  const data = new Uint8Array(8);
  const signature = key.sign(algorithm!.name, data, seededRandom(2));
  expectEqual(algorithm!.verify(key.publicKey.blob, data, signature), {}, "signature of an accepted key");
  expectSafe(key.publicKey.format);
}

function finish<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
