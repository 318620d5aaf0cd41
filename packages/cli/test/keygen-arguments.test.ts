import { describe, expect, test } from "vitest";
import { parseKeygenArguments } from "../src/keygen/keygen-arguments.ts";

const GENERATE = {
  action: "generate",
  bits: undefined,
  file: undefined,
  passphrase: undefined,
  comment: undefined,
  format: "openssh",
  quiet: false,
};

describe("parseKeygenArguments", () => {
  test.each<[string[], object]>([
    [["-t", "ed25519"], { ...GENERATE, type: "ed25519" }],
    [["-t", "rsa", "-b", "4096", "-f", "key"], { ...GENERATE, type: "rsa", bits: 4096, file: "key" }],
    [["-tecdsa", "-N", "", "-C", "a b"], { ...GENERATE, type: "ecdsa", passphrase: "", comment: "a b" }],
    [["-qt", "ssh-ed25519", "-m", "pkcs8"], { ...GENERATE, type: "ed25519", format: "pkcs8", quiet: true }],
    [["-t", "ssh-rsa", "-m", "PPK"], { ...GENERATE, type: "rsa", format: "ppk" }],
    [
      ["-t", "rsa-sha2-512", "-a", "100", "-Zaes128-ctr"],
      { ...GENERATE, type: "rsa", rounds: 100, cipher: "aes128-ctr" },
    ],
    [["-t", "ecdsa-sha2-nistp384"], { ...GENERATE, type: "ecdsa", bits: 384 }],
    [["-t", "ecdsa-sha2-nistp384", "-b", "521"], { ...GENERATE, type: "ecdsa", bits: 521 }],
    [["-ef", "k"], { action: "export", file: "k", format: "rfc4716", passphrase: undefined }],
    [["-e", "-m", "PKCS8", "-P", "x", "-f", "k"], { action: "export", file: "k", format: "pkcs8", passphrase: "x" }],
    [["-qim", "pem", "-f", "k"], { action: "import", file: "k", format: "pem" }],
    [["-yf", "k", "-P", ""], { action: "print-public", file: "k", passphrase: "" }],
    [
      ["-p", "-f", "k", "-N", "new", "-m", "RFC4716"],
      { action: "change-passphrase", file: "k", passphrase: undefined, newPassphrase: "new", format: "openssh" },
    ],
    [
      ["-pPold", "-f", "k"],
      { action: "change-passphrase", file: "k", passphrase: "old", newPassphrase: undefined, format: undefined },
    ],
    [["-cCx", "-f", "k"], { action: "change-comment", file: "k", passphrase: undefined, comment: "x" }],
    [
      ["-c", "-a1024", "-Z", "x", "-f", "k"],
      { action: "change-comment", file: "k", passphrase: undefined, comment: undefined, rounds: 1024, cipher: "x" },
    ],
    [["-rh"], { action: "sshfp", name: "h", file: undefined, hashes: ["sha1", "sha256"], generic: false }],
    [
      ["-gr", "h", "-Ohashalg=SHA256", "-f", "k"],
      { action: "sshfp", name: "h", file: "k", hashes: ["sha256"], generic: true },
    ],
    [["-l", "-f", "key"], { action: "list", file: "key", picture: false, hash: "sha256" }],
    [["-lv", "-E", "md5", "-f", "key"], { action: "list", file: "key", picture: true, hash: "md5" }],
    [["-lvf", "key"], { action: "list", file: "key", picture: true, hash: "sha256" }],
  ])("parses %j", (words, expected) => {
    expect(parseKeygenArguments(words)).toEqual(expected);
  });

  test.each<[string[], string]>([
    [[], "missing key type; give -t with one of ed25519, rsa, ecdsa"],
    [["-t", "dsa"], 'unknown key type "dsa"; expected one of ed25519, rsa, ecdsa'],
    [["-t", "rsa", "-b", "many"], 'invalid key size "many"'],
    [["-t", "rsa", "key"], 'unexpected argument "key"'],
    [["-t", "rsa", "-v"], "-v can only be used with -l"],
    [["-l", "-f", "key", "-N", "x"], "-N cannot be combined with -l"],
    [["-l"], "missing key file for -l"],
    [["-y"], "missing key file for -y; give it with -f"],
    [["-y", "-p", "-f", "k"], "-p cannot be combined with -y"],
    [["-y", "-N", "x", "-f", "k"], "-N cannot be combined with -y"],
    [["-i", "-l", "-f", "k"], "-l cannot be combined with -i"],
    [["-e", "-m", "PPK", "-f", "k"], 'unknown format "PPK"; expected RFC4716, PKCS8 or PEM'],
    [["-p", "-m", "x", "-f", "k"], 'unknown format "x"; expected RFC4716, PKCS8, PEM or PPK'],
    [["-r", "h", "-O", "hashalg=md5"], "-O of -r must be hashalg=sha1 or hashalg=sha256"],
    [["-p", "-a", "0", "-f", "k"], 'invalid number of rounds "0"; expected 1 to 1024'],
    [["-t", "rsa", "-a", "1025"], 'invalid number of rounds "1025"'],
    [["-t", "rsa", "-a", "1e2"], 'invalid number of rounds "1e2"'],
    [["-y", "-a", "1", "-f", "k"], "-a cannot be combined with -y"],
    [["-l", "-Z", "x", "-f", "k"], "-Z cannot be combined with -l"],
    [["-t", "rsa", "-P", "x"], "-P cannot be combined with -t"],
    [["-l", "-f", "key", "-E", "sha1"], 'unknown hash "sha1"; expected sha256 or md5'],
  ])("rejects %j: %s", (words, message) => {
    expect(() => parseKeygenArguments(words)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(message) }),
    );
  });
});
