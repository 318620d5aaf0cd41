import { formatPrivateKey, openPrivateKey, type PrivateKeyFile } from "@nacre/keyfiles";
import { defaultSignatureAlgorithms, type PrivateKey } from "@nacre/keys";
import { seededRandom } from "@nacre/testing/random";
import { base64Encode } from "@nacre/wire";
import { attempt, expectEqual, expectSafe } from "../contract.ts";
import type { Target } from "../engine/target.ts";
import { Input } from "../input.ts";

/** So that a passphrase costs next to nothing to try, and whatever asks for more is refused. */
const LIMITS = {
  maxFileSize: 16 * 1024,
  maxBcryptRounds: 2,
  maxPbkdf2Iterations: 1000,
  maxScryptMemory: 2 * 1024 * 1024,
};
/** That of the test vectors which the seeds are. */
const PASSPHRASE = "correct horse ünd Batterie";

/** A label's place here is the byte by which an input names it. */
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

/** What is inside of one: a byte says of which kind, the rest is its bytes before base64. */
export const privateKeyBodies: Target = {
  name: "private-key-bodies",
  run: (bytes) => {
    const input = new Input(bytes);
    const label = KEY_LABELS[input.byte() % KEY_LABELS.length];
    const body = base64Encode(input.rest());
    expectKey(new Uint8Array(Buffer.from(`-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`)));
  },
};

/** A file that holds a key holds the same one when it is written again. */
function expectKey(bytes: Uint8Array): void {
  const file = attempt(() => openPrivateKey(bytes, LIMITS));
  if (file === undefined) return;
  const unlocked = file.encrypted ? attempt(() => finish(file.decrypt(PASSPHRASE))) : file;
  if (unlocked === undefined) return;
  const { privateKey, comment } = unlocked;
  const rewritten = attempt(() =>
    finish(formatPrivateKey(privateKey, { format: "openssh", comment, random: seededRandom(1) })),
  );
  if (rewritten === undefined) return;
  const again = openPrivateKey(rewritten, { ...LIMITS, maxFileSize: 64 * 1024 });
  expectPlain(again);
  expectEqual(again.privateKey.fields, privateKey.fields, "the key written and read");
  expectEqual(again.comment, comment, "its comment");
  expectSigns(privateKey);
}

function expectPlain(file: PrivateKeyFile): asserts file is Extract<PrivateKeyFile, { encrypted: false }> {
  expectEqual(file.encrypted, false, "encrypted");
}

/** A key that was taken can sign, and its public key says so. */
function expectSigns(key: PrivateKey): void {
  const algorithm = defaultSignatureAlgorithms.find(({ name }) => name === key.publicKey.algorithms[0]!.name);
  const data = new Uint8Array(8);
  const signature = key.sign(algorithm!.name, data, seededRandom(2));
  expectEqual(algorithm!.verify(key.publicKey.blob, data, signature), true, "the signature of a key that was taken");
  expectSafe(key.publicKey.format);
}

function finish<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
